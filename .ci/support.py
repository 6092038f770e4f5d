"""What the scripts in .ci/ share: processes, the local server, stand-ins for AWS, and AWS's own emulator of Lambda."""
import contextlib
import http.server
import importlib.util
import json
import os
import pathlib
import platform
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid

ROOT = pathlib.Path(__file__).resolve().parent.parent
REGION = "us-east-1"
# For clients whose signature nobody checks.
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "ci", "AWS_SECRET_ACCESS_KEY": "ci", "AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION,
    "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull, "NO_PROXY": "localhost,127.0.0.1",
}
INVOCATIONS = "/2015-03-31/functions/function/invocations"
# Managed Instances mode of the emulator wants the function in /var/task. The folder exists in this mount namespace only.
IN_VAR_TASK = """
exec 3< "$1"
shift
mount -t tmpfs none /var
mkdir /var/task
cat <&3 > /var/task/bootstrap
exec 3<&-
chmod 755 /var/task/bootstrap
exec "$@"
"""


def check(what, holds, seen=""):
    print(f"{'ok' if holds else 'FAILED'}: {what}", flush=True)
    if not holds:
        sys.exit(f"{what}: {seen}")


def sample_events():
    """The sample events with what each comes to, in the order of a life; all of events/ is among them."""
    expected = json.loads((ROOT / "events/expected.json").read_text())
    files = {file.stem for file in (ROOT / "events").glob("*.json")} - {"expected"}
    listed = {sample["event"] for sample in expected}
    check("events/expected.json lists every sample event", files == listed, files ^ listed)
    return [(sample, json.loads((ROOT / f"events/{sample['event']}.json").read_text())) for sample in expected]


@contextlib.contextmanager
def process(*command, stdout=subprocess.PIPE, stderr=None, **variables):
    """A program that is ended with the block."""
    child = subprocess.Popen(command, stdout=stdout, stderr=stderr, text=True, env={**os.environ, **CREDENTIALS, **variables})
    try:
        yield child
    finally:
        child.terminate()
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(port, child, log):
    """Waits until a program listens."""
    for _ in range(600):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        if child.poll() is not None:
            break
        time.sleep(0.1)
    sys.exit(f"{child.args} does not listen on port {port}:\n{log()}")


@contextlib.contextmanager
def local_server(program):
    """The local server. Yields the URLs of the API and of its embedded DynamoDB and CloudWatch Logs."""
    with process(program, "--port", "0", "--aws-port", "0") as local:
        yield tuple(re.search(r"http://\S+", local.stdout.readline()).group() for _ in range(2))


@contextlib.contextmanager
def serve(handle, ca=None):
    """A server on a free port; over TLS, with a certificate of this CA. Yields its URL.

    `handle` takes a request's method, path, headers and body, and returns status, headers and body.
    """
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def any(self):
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            status, headers, response = handle(self.command, self.path, self.headers, body)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(response)))
            self.end_headers()
            self.wfile.write(response)

        do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = any

        def log_message(self, *_):
            pass

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads, request_queue_size = True, 128

        def handle_error(self, *_):
            """A client that gave up is no news."""

    server = Server(("127.0.0.1", 0), Handler)
    if ca:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ca.issue_cert("localhost").configure_cert(context)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"https://localhost:{server.server_port}" if ca else f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def aws(respond, behind=None, ca=None):
    """A stand-in for AWS. `respond` takes an operation and its input, and returns a status and the output; or None, and
    the AWS behind it responds."""
    def handle(method, path, headers, body):
        response = respond(headers["x-amz-target"].rpartition(".")[2], json.loads(body))
        if response is None:
            forwarded = {name: value for name, value in headers.items() if name.lower() != "host"}
            status, output = http_call(behind + path, body, forwarded, method)
        else:
            status, output = response[0], json.dumps(response[1]).encode()
        return status, {"content-type": "application/x-amz-json-1.0"}, output
    return serve(handle, ca)


def failing(status, error):
    """An AWS whose every response is this error."""
    return lambda _operation, _input: (status, {"__type": error, "message": "injected"})


def http_call(url, body, headers=None, method="POST"):
    """The status and the body of a response."""
    request = urllib.request.Request(url, data=body, headers=headers or {}, method=method)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=60) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


class Function:
    """The artifact in AWS's Lambda Runtime Interface Emulator."""

    def __init__(self, port, child, log_file, concurrent):
        self.port, self.child, self.log_file = port, child, log_file
        # The emulator crashes on a second request while the first is running, unless it is in Managed Instances mode.
        self.turn = contextlib.nullcontext() if concurrent else threading.Lock()

    def raw(self, event):
        """What the emulator says: a status and the function's response, or the emulator's own words."""
        with self.turn:
            status, body = http_call(f"http://127.0.0.1:{self.port}{INVOCATIONS}", json.dumps(event).encode())
        with contextlib.suppress(ValueError):
            return status, json.loads(body)
        return status, body.decode()

    def invoke(self, event):
        """The function's response."""
        while True:
            status, response = self.raw(event)
            if status == 200 and not isinstance(response, str):
                return response
            # As Lambda would, it waits until the process asks for more.
            if response != {"errorType": "Runtime.Unavailable"}:
                sys.exit(f"the invocation fails: {status} {response}\n{self.log()[-4000:]}")
            time.sleep(0.01)

    def log(self):
        return self.log_file.read_text()

    def lines(self):
        """The function's own lines."""
        return [json.loads(line) for line in self.log().splitlines() if line.startswith("{")]


@contextlib.contextmanager
def lambda_emulator(bootstrap, aws_url, timeout=15, concurrency=None, **variables):
    """The artifact in AWS's emulator, in Managed Instances mode if there is a concurrency."""
    architecture = {"x86_64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}[platform.machine()]
    samcli = importlib.util.find_spec("samcli").submodule_search_locations[0]
    with tempfile.TemporaryDirectory() as scratch:
        emulator = shutil.copy(f"{samcli}/local/rapid/aws-lambda-rie-{architecture}", f"{scratch}/aws-lambda-rie")
        os.chmod(emulator, 0o755)
        port, log_file = free_port(), pathlib.Path(scratch, "log")
        command = [emulator, "--runtime-interface-emulator-address", f"127.0.0.1:{port}",
                   "--runtime-api-address", f"127.0.0.1:{free_port()}"]
        environment = {
            "AWS_ENDPOINT_URL": aws_url, "TABLE_NAME": "workflow-runs", "AWS_LAMBDA_FUNCTION_NAME": "workflow-runs",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256", "AWS_LAMBDA_FUNCTION_TIMEOUT": str(timeout), **variables,
        }
        if concurrency:
            environment["AWS_LAMBDA_MAX_CONCURRENCY"] = str(concurrency)
            sudo = [] if os.geteuid() == 0 else ["sudo", "--preserve-env"]
            command = [*sudo, "unshare", "--mount", "sh", "-ec", IN_VAR_TASK, "sh", str(bootstrap), *command, "/var/task/bootstrap"]
        else:
            command.append(str(bootstrap))
        environment = {name: value for name, value in environment.items() if value is not None}
        with log_file.open("w") as log, process(*command, stdout=log, stderr=subprocess.STDOUT, **environment) as child:
            wait_for(port, child, log_file.read_text)
            yield Function(port, child, log_file, concurrency)


@contextlib.contextmanager
def gateway(function, account="123456789012"):
    """A REST API in front of the function, with the template's routes; it takes every request for one of this account.

    Yields its URL.
    """
    from samtranslator.yaml_helper import yaml_parse

    template = yaml_parse((ROOT / "template.yaml").read_text())
    functions = [r for r in template["Resources"].values() if r["Type"] == "AWS::Serverless::Function"]
    events = [event["Properties"] for f in functions for event in f["Properties"].get("Events", {}).values() if event["Type"] == "Api"]
    patterns = {
        (event["Method"], event["Path"]): re.compile(re.sub(r"\{(\w+)(\+?)\}", lambda m: f"(?P<{m[1]}>{'.+' if m[2] else '[^/]+'})", event["Path"]))
        for event in events
    }
    # A greedy path comes last, and ANY after the methods.
    routes = sorted(patterns, key=lambda route: ("+" in route[1], route[0] == "ANY"))

    def handle(method, target, headers, body):
        url = urllib.parse.urlsplit(target)
        query = urllib.parse.parse_qs(url.query)
        resource, matched = next((path, found) for name, path in routes if name in (method, "ANY")
                                 and (found := patterns[name, path].fullmatch(url.path)))
        multi = {name: headers.get_all(name) for name in headers}
        response = function.invoke({
            "resource": resource, "path": url.path, "httpMethod": method,
            "headers": {name: values[-1] for name, values in multi.items()}, "multiValueHeaders": multi,
            "queryStringParameters": {name: values[-1] for name, values in query.items()} or None,
            "multiValueQueryStringParameters": query or None, "pathParameters": matched.groupdict() or None,
            "stageVariables": None, "body": body.decode() or None, "isBase64Encoded": False,
            "requestContext": {"resourcePath": resource, "httpMethod": method, "path": f"/prod{url.path}", "stage": "prod",
                               "requestId": str(uuid.uuid4()), "identity": {"accountId": account}},
        })
        sent = {name: values[-1] for name, values in response["multiValueHeaders"].items()}
        return response["statusCode"], sent, response["body"].encode()

    with serve(handle) as url:
        yield url
