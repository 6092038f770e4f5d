//! The local server as a program: what a developer, a browser and another user of the machine can do with it.
#![allow(clippy::expect_used, clippy::unwrap_used, missing_docs, reason = "these are tests")]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Output, Stdio};

use serde_json::{Value, json};
use uuid::Uuid;

const RUNS: &str = "/workflow-definitions/demo/workflow-runs";

/// A running server, killed in the end.
struct Server {
    child: Child,
    api: String,
    aws: String,
    stderr: BufReader<ChildStderr>,
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_local"));
    command.args(arguments).env_remove("RUST_LOG").stdin(Stdio::null());
    command
}

impl Server {
    fn start(arguments: &[&str]) -> Self {
        let mut command = command(&["--port", "0", "--aws-port", "0"]);
        let mut child = command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut address = || {
            let line = lines.next().expect("the server has started").unwrap();
            line.split_once("http://").unwrap().1.split(' ').next().unwrap().to_owned()
        };
        let (api, aws) = (address(), address());
        // Its output must not block it.
        std::thread::spawn(move || lines.for_each(drop));
        let stderr = BufReader::new(child.stderr.take().unwrap());
        Self { child, api, aws, stderr }
    }

    /// A request to the API: the status and the body of the response.
    fn call(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let response = send(&self.api, method, path, &[], body);
        (status(&response), json_of(&response))
    }

    /// A call of DynamoDB or CloudWatch Logs.
    fn aws(&self, target: &str, body: &Value) -> Value {
        let response = send(&self.aws, "POST", "/", &aws_headers(target), &body.to_string());
        assert_eq!(status(&response), 200, "{response}");
        json_of(&response)
    }

    /// Ends the server, and returns what it has printed to the standard error.
    fn end(mut self) -> String {
        self.child.kill().unwrap();
        let mut printed = String::new();
        self.stderr.read_to_string(&mut printed).unwrap();
        printed
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

fn aws_headers(target: &str) -> [(&'static str, String); 3] {
    let scope = "local/20260101/us-east-1/dynamodb/aws4_request";
    let authorization = format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0");
    let date = "20260101T000000Z".to_owned();
    [("x-amz-target", target.to_owned()), ("authorization", authorization), ("x-amz-date", date)]
}

/// Sends a request on a connection of its own, and returns the response as it comes.
fn send(address: &str, method: &str, path: &str, headers: &[(&str, String)], body: &str) -> String {
    let host = [("host", address.to_owned())];
    let host = host.iter().filter(|_| headers.iter().all(|(name, _)| *name != "host"));
    let headers: Vec<_> = host.chain(headers).map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let (headers, length) = (headers.concat(), body.len());
    let request =
        format!("{method} {path} HTTP/1.1\r\n{headers}connection: close\r\ncontent-length: {length}\r\n\r\n{body}");
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response
}

fn status(response: &str) -> u16 {
    response.split(' ').nth(1).expect(response).parse().unwrap()
}

fn json_of(response: &str) -> Value {
    serde_json::from_str(response.split_once("\r\n\r\n").unwrap().1).expect(response)
}

/// A path in a folder of its own.
fn scratch(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(Uuid::new_v4().to_string());
    fs::create_dir_all(&folder).unwrap();
    folder.join(name)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Runs the program to its end, which must be a failure; what it says.
fn failure(arguments: &[&str]) -> String {
    let Output { status, stdout, stderr } = command(arguments).output().unwrap();
    assert!(!status.success() && stdout.is_empty(), "{status} {}", String::from_utf8_lossy(&stdout));
    String::from_utf8(stderr).unwrap()
}

#[test]
fn both_ports_reject_web_pages_and_other_hosts() {
    let server = Server::start(&[]);
    let foreign = [
        ("origin", "http://example.com".to_owned()),
        ("origin", "null".to_owned()),
        ("origin", format!("http://{}", server.api.replace("127.0.0.1", "localhost"))),
        ("host", "rebound.example.com".to_owned()),
        ("host", server.api.replace("127.0.0.1", "rebound.example.com")),
        ("sec-fetch-site", "cross-site".to_owned()),
    ];
    for header in foreign {
        for method in ["OPTIONS", "POST", "GET", "DELETE"] {
            let request = [header.clone(), ("access-control-request-method", "POST".to_owned())];
            let api = send(&server.api, method, "/workflow-definitions", &request, "");
            let delete = aws_headers("DynamoDB_20120810.DeleteTable");
            let delete = [&request[..], &delete].concat();
            let aws = send(&server.aws, method, "/", &delete, r#"{"TableName": "workflow-runs"}"#);
            for response in [api, aws] {
                assert_eq!(status(&response), 403, "{method} {header:?}: {response}");
                assert!(!response.to_lowercase().contains("access-control-"), "{response}");
            }
        }
    }
    let own = [("origin", format!("http://{}", server.api))];
    let list = send(&server.api, "POST", "/workflow-definitions", &own, "");
    let scan = aws_headers("DynamoDB_20120810.Scan");
    let scan = [&[("origin", format!("http://{}", server.aws))], &scan[..]].concat();
    let scan = send(&server.aws, "POST", "/", &scan, r#"{"TableName": "workflow-runs"}"#);
    for response in [list, scan] {
        assert_eq!(status(&response), 200, "{response}");
        assert!(response.contains("demo"), "the table is still there: {response}");
        assert!(!response.to_lowercase().contains("access-control-"), "{response}");
    }
}

/// A port behind one of the two would be open to what they reject.
#[test]
#[cfg(target_os = "linux")]
fn it_listens_on_its_two_ports_only() {
    let server = Server::start(&[]);
    let sockets = fs::read_dir(format!("/proc/{}/fd", server.child.id())).unwrap();
    let sockets: Vec<_> = sockets.filter_map(|file| fs::read_link(file.unwrap().path()).ok()).collect();
    let mut ports = vec![];
    for table in ["tcp", "tcp6"] {
        let table = fs::read_to_string(format!("/proc/{}/net/{table}", server.child.id())).unwrap_or_default();
        for line in table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>()) {
            let (address, state, inode) = (line[1], line[3], line[9]);
            if state == "0A" && sockets.contains(&PathBuf::from(format!("socket:[{inode}]"))) {
                let (host, port) = address.split_once(':').unwrap();
                assert_eq!(host, "0100007F", "127.0.0.1, as the kernel writes it");
                ports.push(u16::from_str_radix(port, 16).unwrap());
            }
        }
    }
    ports.sort_unstable();
    let port = |address: &str| -> u16 { address.rsplit_once(':').unwrap().1.parse().unwrap() };
    let mut expected = [port(&server.api), port(&server.aws)];
    expected.sort_unstable();
    assert_eq!(ports, expected);
}

#[test]
#[cfg(unix)]
fn the_data_file_and_those_beside_it_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;

    let file = scratch("runs.sqlite");
    let files = ["", "-wal", "-shm"].map(|suffix| PathBuf::from(format!("{}{suffix}", text(&file))));
    let modes = || files.each_ref().map(|file| fs::metadata(file).unwrap().permissions().mode() & 0o777);
    let server = Server::start(&["--data", text(&file)]);
    assert_eq!(modes(), [0o600; 3]);
    drop(server);

    for file in &files {
        fs::set_permissions(file, fs::Permissions::from_mode(0o644)).unwrap();
    }
    let server = Server::start(&["--data", text(&file)]);
    assert_eq!(modes(), [0o600; 3]);
    drop(server);
}

#[test]
fn the_data_file_keeps_runs_and_log_groups() {
    let file = scratch("runs.sqlite");
    let arguments = ["--data", text(&file), "--run-log-retention-days", "7"];
    let server = Server::start(&arguments);
    let body = r#"{"modelId": "m", "clientInfo": {"compatibilityVersion": 1}, "logGroupName": "/workflow-runs/kept"}"#;
    let (_, created) = server.call("PUT", RUNS, body);
    server.end();

    let server = Server::start(&arguments);
    let (_, list) = server.call("POST", RUNS, "");
    assert_eq!(list["workflowRunSummaries"][0]["workflowRunId"], created["workflowRunId"]);
    let log_groups = server.aws("Logs_20140328.DescribeLogGroups", &json!({}));
    assert_eq!(log_groups["logGroups"][0]["logGroupName"], "/workflow-runs/kept");
}

#[test]
fn a_file_that_cannot_be_used_is_named_and_left_as_it_is() {
    let text_file = scratch("notes.txt");
    fs::write(&text_file, "not a database").unwrap();
    let other = scratch("other.sqlite");
    rusqlite::Connection::open(&other).unwrap().execute_batch("CREATE TABLE notes (body TEXT)").unwrap();
    let folder = scratch("");
    let nowhere = scratch("missing").join("runs.sqlite");
    let missing = scratch("missing.json");
    let no_event = scratch("event.json");
    fs::write(&no_event, r#"{"resource": "/"#).unwrap();
    for (option, file, problem) in [
        ("--data", &text_file, "is not a database of this server"),
        ("--data", &other, "is not a database of this server"),
        ("--data", &folder, "cannot be"),
        ("--data", &nowhere, "cannot be created"),
        ("--event", &no_event, "is not JSON"),
        ("--event", &missing, "cannot be read"),
    ] {
        let before = fs::read(file).ok();
        let said = failure(&["--port", "0", "--aws-port", "0", option, text(file)]);
        assert!(said.starts_with(&format!("error: {} {problem}", text(file))), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert_eq!(fs::read(file).ok(), before);
    }
}

#[test]
fn requests_that_a_deployed_stack_would_reject_are_noted_once() {
    let server = Server::start(&[]);
    let scope = "local/20260101/us-east-1/nova-act/aws4_request";
    let signed = [("authorization", format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"))];
    let run = r#"{"modelId": "m", "clientInfo": {"compatibilityVersion": 1}, "logGroupName": "/elsewhere"}"#;
    for _ in 0..3 {
        assert_eq!(status(&send(&server.api, "PUT", RUNS, &signed, run)), 201);
        assert_eq!(server.call("GET", RUNS, "").0, 404);
    }
    let printed = server.end();
    let mut notes: Vec<_> = printed.lines().filter(|line| line.starts_with("note: ")).collect();
    notes.sort_unstable();
    assert_eq!(
        notes,
        [
            &format!("note: GET {RUNS} is no operation: lists use POST"),
            "note: log group /elsewhere: a deployed stack rejects it with 403, as log groups begin with its \
             LogGroupPrefix, by default /workflow-runs/",
            "note: requests are signed for nova-act: API Gateway rejects them, and accepts execute-api only",
        ]
    );
}

#[test]
fn a_sample_event_acts_for_the_account_that_the_server_shows() {
    let file = scratch("runs.sqlite");
    let event = concat!(env!("CARGO_MANIFEST_DIR"), "/../events/rest-create-workflow-run.json");
    let done = command(&["--data", text(&file), "--event", event]).output().unwrap();
    let response: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(response["statusCode"], 201, "{response}");
    let created: Value = serde_json::from_str(response["body"].as_str().unwrap()).unwrap();

    let server = Server::start(&["--data", text(&file)]);
    let (_, list) = server.call("POST", RUNS, "");
    assert_eq!(list["workflowRunSummaries"][0]["workflowRunId"], created["workflowRunId"], "{list}");
}

/// The attributes of an item, as DynamoDB's JSON.
fn item(server: &Server, key: &str) -> Value {
    let get = json!({"TableName": "workflow-runs", "Key": {"pk": {"S": key}}});
    server.aws("DynamoDB_20120810.GetItem", &get)["Item"].take()
}

/// Creates a definition with so many runs; its generation.
fn define(server: &Server, name: &str, runs: usize) -> String {
    assert_eq!(server.call("PUT", "/workflow-definitions", &json!({"name": name}).to_string()).0, 201);
    for _ in 0..runs {
        let run = r#"{"modelId": "m", "clientInfo": {"compatibilityVersion": 1}}"#;
        assert_eq!(server.call("PUT", &format!("/workflow-definitions/{name}/workflow-runs"), run).0, 201);
    }
    item(server, &format!("definition/123456789012/{name}"))["definitionId"]["S"].as_str().unwrap().to_owned()
}

#[test]
fn one_request_deletes_a_definition_and_its_runs_follow_behind_the_api() {
    let server = Server::start(&[]);
    let large = define(&server, "large", 100);
    define(&server, "small", 3);
    let key = "run/123456789012/unreadable";
    let unreadable = json!({
        "pk": {"S": key}, "listKey": {"S": format!("runs/{large}/0")}, "sortKey": {"S": "unreadable"}, "status": {"S": "?"},
    });
    server.aws("DynamoDB_20120810.PutItem", &json!({"TableName": "workflow-runs", "Item": unreadable}));

    for name in ["large", "small"] {
        let (status, response) = server.call("DELETE", &format!("/workflow-definitions/{name}"), "");
        assert_eq!((status, &response["status"]), (202, &json!("DELETING")));
    }
    for name in ["large", "small"] {
        while item(&server, &format!("definition/123456789012/{name}"))["goneAt"].is_null() {
            std::thread::yield_now();
        }
    }
    let filter = json!({
        "TableName": "workflow-runs", "FilterExpression": "begins_with(pk, :run) AND #status <> :deleting",
        "ExpressionAttributeNames": {"#status": "status"},
        "ExpressionAttributeValues": {":run": {"S": "run/"}, ":deleting": {"S": "DELETING"}},
    });
    let left = server.aws("DynamoDB_20120810.Scan", &filter);
    assert_eq!((&left["Count"], &left["Items"][0]["pk"]["S"]), (&json!(1), &json!(key)), "{left}");
}

#[test]
fn a_deletion_that_was_broken_off_goes_on_when_the_server_starts_again() {
    let file = scratch("runs.sqlite");
    let server = Server::start(&["--data", text(&file)]);
    define(&server, "sample", 3);
    server.end();
    // The function deletes the definition, and nobody reads the stream.
    let event = concat!(env!("CARGO_MANIFEST_DIR"), "/../events/rest-delete-workflow-definition.json");
    let done = command(&["--data", text(&file), "--event", event]).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));

    let server = Server::start(&["--data", text(&file)]);
    while item(&server, "definition/123456789012/sample")["goneAt"].is_null() {
        std::thread::yield_now();
    }
}

#[test]
fn a_retention_of_runs_can_be_tried() {
    let server = Server::start(&["--run-retention-days", "1"]);
    let (_, created) = server.call("PUT", RUNS, r#"{"modelId": "m", "clientInfo": {"compatibilityVersion": 1}}"#);
    let id = created["workflowRunId"].as_str().unwrap();
    let key = format!("run/123456789012/{id}");
    assert!(item(&server, &key)["expiresAt"]["N"].is_string());
    assert_eq!(server.call("GET", &format!("{RUNS}/{id}"), "").0, 200);
    server.aws(
        "DynamoDB_20120810.UpdateItem",
        &json!({
            "TableName": "workflow-runs",
            "Key": {"pk": {"S": key}},
            "UpdateExpression": "SET startedAt = :past",
            "ExpressionAttributeValues": {":past": {"S": "2026-01-01T00:00:00.000Z"}},
        }),
    );
    assert_eq!(server.call("GET", &format!("{RUNS}/{id}"), "").0, 404);
}

#[test]
fn the_settings_of_a_stack_can_be_tried() {
    let server = Server::start(&["--run-timeout-hours", "2", "--run-log-retention-days", "7"]);
    let run = r#"{"modelId": "m", "clientInfo": {"compatibilityVersion": 1}, "logGroupName": "/workflow-runs/a"}"#;
    let (status, created) = server.call("PUT", RUNS, run);
    assert_eq!(status, 201, "{created}");
    let log_groups = server.aws("Logs_20140328.DescribeLogGroups", &json!({}));
    assert_eq!(log_groups["logGroups"][0]["retentionInDays"], 7);

    let id = created["workflowRunId"].as_str().unwrap();
    assert_eq!(server.call("GET", &format!("{RUNS}/{id}"), "").1["status"], "RUNNING");
    server.aws(
        "DynamoDB_20120810.UpdateItem",
        &json!({
            "TableName": "workflow-runs",
            "Key": {"pk": {"S": format!("run/123456789012/{id}")}},
            "UpdateExpression": "SET startedAt = :past",
            "ExpressionAttributeValues": {":past": {"S": "2026-01-01T00:00:00.000Z"}},
        }),
    );
    let (_, run) = server.call("GET", &format!("{RUNS}/{id}"), "");
    assert_eq!((&run["status"], &run["endedAt"]), (&json!("TIMED_OUT"), &json!("2026-01-01T02:00:00.000Z")));

    for (option, value) in [
        ("--run-timeout-hours", "0"),
        ("--run-timeout-hours", "8761"),
        ("--run-log-retention-days", "2"),
        ("--run-retention-days", "0"),
        ("--run-retention-days", "3654"),
    ] {
        let said = failure(&[option, value]);
        assert!(said.contains(option) && said.contains(value), "{said}");
    }
}

#[test]
#[cfg(unix)]
fn ctrl_c_lets_a_request_in_flight_finish() {
    let mut server = Server::start(&[]);
    let body = r#"{"modelId": "m", "clientInfo": {"compatibilityVersion": 1}}"#;
    let mut stream = TcpStream::connect(&server.api).unwrap();
    let (host, length) = (&server.api, body.len());
    write!(stream, "PUT {RUNS} HTTP/1.1\r\nhost: {host}\r\ncontent-length: {length}\r\nexpect: 100-continue\r\n\r\n")
        .unwrap();
    // Once the server asks for the body, the request is in flight.
    let mut asked = [0; 25];
    stream.read_exact(&mut asked).unwrap();
    assert_eq!(&asked, b"HTTP/1.1 100 Continue\r\n\r\n");

    let interrupted = Command::new("kill").args(["-INT", &server.child.id().to_string()]).status().unwrap();
    assert!(interrupted.success());
    while TcpStream::connect(&server.api).is_ok() {
        std::thread::yield_now();
    }
    stream.write_all(body.as_bytes()).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    assert_eq!(status(&response), 201, "{response}");
    assert!(server.child.wait().unwrap().success());
}

#[test]
#[cfg(unix)]
fn a_second_ctrl_c_does_not_wait() {
    let mut server = Server::start(&[]);
    let mut stream = TcpStream::connect(&server.api).unwrap();
    write!(stream, "PUT {RUNS} HTTP/1.1\r\nhost: {}\r\ncontent-length: 9\r\nexpect: 100-continue\r\n\r\n", server.api)
        .unwrap();
    stream.read_exact(&mut [0; 25]).unwrap();
    let interrupt = || Command::new("kill").args(["-INT", &server.child.id().to_string()]).status().unwrap();
    interrupt();
    while TcpStream::connect(&server.api).is_ok() {
        std::thread::yield_now();
    }
    interrupt();
    assert!(!server.child.wait().unwrap().success());
}
