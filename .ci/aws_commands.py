#!/usr/bin/env python3
"""The AWS CLI accepts the commands of README.md, docs/operations.md and the scripts in examples/; without-sam.sh creates what
template.yaml deploys, and failed-runs.sh what failed-runs.yaml does.

usage: aws_commands.py

The AWS CLI sends them to a stand-in, which keeps the requests. `cargo` and `sam` are not run.
"""
import json
import os
import pathlib
import re
import subprocess
import tempfile
import urllib.parse
import zipfile

from samtranslator.yaml_helper import yaml_parse

from support import CREDENTIALS, ROOT, check, serve

STREAM = "arn:aws:dynamodb:us-east-1:123456789012:table/workflow-runs/stream/2026-01-01T00:00:00.000"
ROLES = {"ROLE_ARN": "arn:aws:iam::123456789012:role/requests", "CLEANUP_ROLE_ARN": "arn:aws:iam::123456789012:role/cleanup"}
# The scripts, with arguments as the docs have them.
SCRIPTS = {
    "without-sam.sh": ROLES.values(), "failed-runs.sh": ["us-east-1", "123456789012", "you@example.com"],
    "restore.sh": ["TABLE_NAME", "RESTORED", "2026-11-24T12:00:00Z"],
}


def blocks(text):
    """The blocks of commands that call AWS."""
    found = re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [block for block in found if re.search(r"^aws |\$\(aws ", block, re.MULTILINE)]


def sent(commands, *arguments):
    """The bodies of the requests, by operation or path, in order."""
    requests = []

    def handle(method, path, headers, body):
        operation = headers.get("x-amz-target", path).split(".")[-1]
        if "urlencoded" in headers.get("content-type", ""):
            [operation] = urllib.parse.parse_qs(body.decode())["Action"]
            requests.append((operation, body.decode()))
            return 200, {"content-type": "text/xml"}, f"<Response><{operation}Result/></Response>".encode()
        requests.append((operation, json.loads(body or "{}")))
        active = {"State": "Active", "LastUpdateStatus": "Successful", "Configuration": {"State": "Active"}}
        table = {"Table": {"TableStatus": "ACTIVE", "LatestStreamArn": STREAM}}
        if operation == "GetItem":
            return 200, {"content-type": "application/json"}, b'{"Item": {"pk": {"S": "definition/ACCOUNT/NAME"}}}'
        return 200, {"content-type": "application/json"}, json.dumps(table if "Table" in operation else active).encode()

    with serve(handle) as url, tempfile.TemporaryDirectory() as folder:
        artifact = pathlib.Path(folder, "target/lambda/workflow-runs/bootstrap.zip")
        artifact.parent.mkdir(parents=True)
        with zipfile.ZipFile(artifact, "w") as archive:
            archive.writestr("bootstrap", "")
        environment = {**os.environ, **CREDENTIALS, "AWS_ENDPOINT_URL": url, "AWS_PAGER": ""}
        done = subprocess.run(["sh", "-ec", f"cargo() {{ :; }}\nsam() {{ :; }}\n{commands}", "sh", *arguments], cwd=folder, env=environment, capture_output=True,
                              text=True, timeout=300)
        first = next(line for line in commands.splitlines() if line.startswith("aws ") or "$(aws " in line)
        check(f"the CLI sends {first}", done.returncode == 0 and requests, f"{commands}\n{done.stderr}")
    return requests


def function(resource, name, role):
    """What CreateFunction should say of a function of the template."""
    return {
        "FunctionName": name, "Role": ROLES[role], "Timeout": resource["Timeout"], "MemorySize": resource["MemorySize"],
        "Runtime": resource["Runtime"], "Handler": resource["Handler"],
        "Environment": {"Variables": {"TABLE_NAME": "workflow-runs"}},
        "LoggingConfig": {key: value for key, value in resource["LoggingConfig"].items() if key != "LogGroup"},
    }


def check_failed_runs(requests):
    """The script does what the template beside it does."""
    resources = {name: resource["Properties"] for name, resource in
                 yaml_parse((ROOT / "examples/failed-runs.yaml").read_text())["Resources"].items()}
    [rule] = [body for operation, body in requests if operation == "PutRule"]
    check("the rule is the template's", json.loads(rule["EventPattern"]) == resources["FailedRuns"]["EventPattern"], rule)
    [policy] = [urllib.parse.parse_qs(body)["AttributeValue"][0] for operation, body in requests if operation == "SetTopicAttributes"]
    topic = "arn:aws:sns:us-east-1:123456789012:failed-runs"
    expected = {**resources["FailuresPolicy"]["PolicyDocument"]["Statement"][0], "Resource": topic,
                "Principal": {"Service": "events.amazonaws.com"},
                "Condition": {"ArnEquals": {"aws:SourceArn": "arn:aws:events:us-east-1:123456789012:rule/failed-runs"}}}
    check("so is the topic's policy", json.loads(policy)["Statement"] == [expected], policy)
    [targets] = [body["Targets"] for operation, body in requests if operation == "PutTargets"]
    check("the rule sends to that topic", targets == [{"Id": "mail", "Arn": topic}], targets)


def main():
    resources = {name: resource["Properties"] for name, resource in
                 yaml_parse((ROOT / "template.yaml").read_text())["Resources"].items()}
    for page in ("README.md", "docs/operations.md"):
        found = blocks((ROOT / page).read_text())
        check(f"{page} has commands", found)
        for block in found:
            sent(block)
    scripts = {file.name: file.read_text() for file in (ROOT / "examples").glob("*.sh")}
    check("every script is run", scripts.keys() == SCRIPTS.keys(), scripts.keys())
    by_script = {name: sent(scripts[name], *arguments) for name, arguments in SCRIPTS.items()}
    check_failed_runs(by_script["failed-runs.sh"])
    requests = by_script["without-sam.sh"]
    created = [body for operation, body in requests if operation == "CreateTable"]
    table = {key: value for key, value in resources["WorkflowRunsTable"].items()
             if key not in ("TimeToLiveSpecification", "PointInTimeRecoverySpecification", "SSESpecification")}
    table |= {"TableName": "workflow-runs", "StreamSpecification": {"StreamEnabled": True, **table["StreamSpecification"]}}
    check("the table is the template's", created == [table], created)
    [expiry] = [body["TimeToLiveSpecification"] for operation, body in requests if operation == "UpdateTimeToLive"]
    check("its items expire", expiry == resources["WorkflowRunsTable"]["TimeToLiveSpecification"], expiry)
    functions = [body for operation, body in requests if operation.endswith("/functions") and body]
    expected = [function(resources["WorkflowRunsFunction"], "workflow-runs", "ROLE_ARN"),
                function(resources["CleanupFunction"], "workflow-runs-cleanup", "CLEANUP_ROLE_ARN")]
    code = {body.pop("Code")["ZipFile"] for body in functions}
    check("so are the functions", functions == expected, functions)
    check("which are one artifact", len(code) == 1, code)
    groups = [body["logGroupName"] for operation, body in requests if operation == "CreateLogGroup"]
    check("each has a log group", groups == [f"/aws/lambda/{one['FunctionName']}" for one in functions], groups)
    [mapping] = [body for operation, body in requests if "event-source-mappings" in operation]
    stream = resources["CleanupFunction"]["Events"]["Stream"]["Properties"]
    expected = {key: value for key, value in stream.items() if key != "Stream"}
    expected |= {"EventSourceArn": STREAM, "FunctionName": "workflow-runs-cleanup"}
    check("so is the mapping", mapping == expected, mapping)


if __name__ == "__main__":
    main()
