#!/usr/bin/env python3
"""Starts the artifact that is deployed. Sample events, boto3 and the AWS CLI must get the documented answers, and the
function must trust AWS over TLS if and only if it trusts the certificate.

usage: artifact.py BOOTSTRAP LOCAL NOVA_ACT_PYTHON

BOOTSTRAP is the function, LOCAL the local server, whose embedded DynamoDB and CloudWatch Logs the function uses.
cargo-lambda's emulator stands for Lambda and its gateway.
"""
import contextlib
import http.server
import json
import os
import re
import socket
import ssl
import subprocess
import sys
import threading
import time

import boto3
import botocore.config
import trustme

BOOTSTRAP, LOCAL, NOVA_ACT_PYTHON = sys.argv[1:]
TOKEN = "0b9c8d7e-6f5a-4b3c-8d2e-1f0a9b8c7d6f"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "ci", "AWS_SECRET_ACCESS_KEY": "ci", "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1",
               "NO_PROXY": "localhost,127.0.0.1"}
REQUEST = {"workflowDefinitionName": "demo", "modelId": "nova-act-latest", "clientInfo": {"compatibilityVersion": 1}}
with open("events/expected.json") as file:
    EVENTS = {sample["event"]: sample["status"] for sample in json.load(file)}


@contextlib.contextmanager
def process(*command, **variables):
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **CREDENTIALS, **variables})
    try:
        yield child
    finally:
        child.kill()
        child.wait()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@contextlib.contextmanager
def function(aws_url, **variables):
    """The artifact behind cargo-lambda's emulator. Yields the port of both its Invoke API and its HTTP endpoint."""
    port = free_port()
    emulator = process("cargo", "lambda", "watch", "--only-lambda-apis", "--invoke-port", str(port))
    lambda_variables = {
        "AWS_LAMBDA_FUNCTION_NAME": "_", "AWS_LAMBDA_FUNCTION_VERSION": "1", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_LAMBDA_RUNTIME_API": f"http://127.0.0.1:{port}/.rt",
        "UNSIGNED_ACCOUNT_ID": "000000000000",  # the emulator checks no signatures
    }
    with emulator:
        for _ in range(100):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.1)
        with process(BOOTSTRAP, AWS_ENDPOINT_URL=aws_url, TABLE_NAME="workflow-runs", **lambda_variables, **variables):
            yield port


@contextlib.contextmanager
def failing_aws(status, error, ca=None):
    """An AWS whose every answer is this error; over TLS, with a certificate of this CA."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.dumps({"__type": error, "message": "injected"}).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        def log_message(self, *_):
            pass
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *_: None
    if ca:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ca.issue_cert("localhost").configure_cert(context)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"https://localhost:{server.server_port}" if ca else f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()


def client(port):
    once = botocore.config.Config(retries={"total_max_attempts": 1})
    return boto3.client("nova-act", endpoint_url=f"http://127.0.0.1:{port}", region_name="us-east-1",
                        aws_access_key_id="ci", aws_secret_access_key="ci", config=once)


def check(what, condition, seen):
    print(f"{'ok' if condition else 'FAILED'}: {what}")
    if not condition:
        sys.exit(f"{what}: {seen}")


def check_raises(port, name, status, members, **change):
    """boto3 raises the modelled exception, with its members and a request id."""
    nova_act = client(port)
    try:
        seen = nova_act.create_workflow_run(**{**REQUEST, **change})
    except getattr(nova_act.exceptions, name) as error:
        seen = error.response
    metadata = seen["ResponseMetadata"]
    right = seen.get("Error", {}).get("Code") == name and metadata["HTTPStatusCode"] == status and metadata["RequestId"]
    check(f"boto3 raises {name} with {members}", right and members.items() <= seen.items(), seen)


def check_every_operation(port):
    """A definition and a run, from their creation to their deletion."""
    nova_act, definition = client(port), {"workflowDefinitionName": "life"}

    def check_call(operation, holds, **request):
        seen = getattr(nova_act, operation)(**request)
        check(f"boto3 calls {operation}", holds(seen) and seen["ResponseMetadata"]["RequestId"], seen)
        return seen

    check_call("create_workflow_definition", lambda seen: seen["status"] == "ACTIVE", name="life", description="from CI")
    check_call("get_workflow_definition", lambda seen: (seen["name"], seen["description"]) == ("life", "from CI"), **definition)
    names = lambda seen: [summary["workflowDefinitionName"] for summary in seen["workflowDefinitionSummaries"]]
    check_call("list_workflow_definitions", lambda seen: "life" in names(seen), sortOrder="Descending")
    created = check_call("create_workflow_run", lambda seen: seen["status"] == "RUNNING", **{**REQUEST, **definition})
    run = {**definition, "workflowRunId": created["workflowRunId"]}
    check_call("update_workflow_run", lambda seen: True, **run, status="SUCCEEDED")
    check_call("get_workflow_run", lambda seen: seen["status"] == "SUCCEEDED" and seen["endedAt"] >= seen["startedAt"], **run)
    ids = lambda seen: [summary["workflowRunId"] for summary in seen["workflowRunSummaries"]]
    check_call("list_workflow_runs", lambda seen: ids(seen) == [run["workflowRunId"]], **definition, maxResults=1)
    check_call("delete_workflow_run", lambda seen: seen["status"] == "DELETING", **run)
    check_call("list_workflow_runs", lambda seen: ids(seen) == [], **definition)
    check_call("delete_workflow_definition", lambda seen: seen["status"] == "DELETING", **definition)


def check_cli(port, *arguments, expect):
    command = ["aws", "nova-act", "create-workflow-run", "--endpoint-url", f"http://127.0.0.1:{port}",
               "--model-id", "nova-act-latest", "--client-info", "compatibilityVersion=1", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **CREDENTIALS, "AWS_MAX_ATTEMPTS": "1"})
    check(f"the AWS CLI prints {expect}", re.search(expect, done.stdout + done.stderr), done)


def main():
    with process(LOCAL, "--port", "0", "--aws-port", "0") as local:
        _, aws_url = (re.search(r"http://\S+", local.stdout.readline()).group() for _ in range(2))
        with function(aws_url) as port:
            files = {name.removesuffix(".json") for name in os.listdir("events")} - {"expected"}
            check("every sample event is invoked", files == set(EVENTS), files ^ set(EVENTS))
            for name, status in EVENTS.items():
                invoke = ["cargo", "lambda", "invoke", "--invoke-port", str(port), "--data-file", f"events/{name}.json"]
                answer = json.loads(subprocess.run(invoke, check=True, capture_output=True, text=True).stdout)
                check(f"events/{name}.json is answered with {status}", answer["statusCode"] == status, answer)

            first = client(port).create_workflow_run(**REQUEST, clientToken=TOKEN, logGroupName="/workflow-runs/ci")
            again = client(port).create_workflow_run(**REQUEST, clientToken=TOKEN, logGroupName="/workflow-runs/ci")
            run = first["workflowRunId"]
            check("boto3 starts a run", first["status"] == "RUNNING" and first["ResponseMetadata"]["RequestId"], first)
            headers = again["ResponseMetadata"]["HTTPHeaders"]
            check("boto3 replays it", again["workflowRunId"] == run and headers.get("idempotent-replayed") == "true", again)
            check_raises(port, "ConflictException", 409, {"resourceId": run, "resourceType": "workflow-run"}, clientToken=TOKEN)
            missing = {"resourceId": "nope", "resourceType": "workflow-definition"}
            check_raises(port, "ResourceNotFoundException", 404, missing, workflowDefinitionName="nope")
            length = {"name": "modelId", "message": "Member must have length between 1 and 100, inclusive"}
            invalid = {"reason": "FieldValidationFailed", "fieldList": [length]}
            check_raises(port, "ValidationException", 400, invalid, modelId="m" * 101)
            check_every_operation(port)
            subprocess.run([NOVA_ACT_PYTHON, ".ci/nova_act_sdk.py", f"http://127.0.0.1:{port}"], check=True)
            check_cli(port, "--workflow-definition-name", "demo", expect='"status": "RUNNING"')
            check_cli(port, "--workflow-definition-name", "nope", expect=r"\(ResourceNotFoundException\)")

    for error, aws_status, name, status, members in [
        ("AccessDeniedException", 400, "AccessDeniedException", 403, {}),
        ("ThrottlingException", 400, "ThrottlingException", 429, {"serviceCode": "dynamodb", "retryAfterSeconds": 1}),
        ("InternalServerError", 500, "InternalServerException", 500, {"retryAfterSeconds": 1}),
    ]:
        with failing_aws(aws_status, error) as aws_url, function(aws_url) as port:
            check_raises(port, name, status, members)
            check_cli(port, "--workflow-definition-name", "demo", expect=rf"\({name}\)")

    ca = trustme.CA()
    for trusted, name, status, members in [
        (ca, "AccessDeniedException", 403, {}),
        (trustme.CA(), "InternalServerException", 500, {"retryAfterSeconds": 1}),
    ]:
        with trusted.cert_pem.tempfile() as bundle, failing_aws(400, "AccessDeniedException", ca) as aws_url:
            with function(aws_url, SSL_CERT_FILE=bundle, SSL_CERT_DIR="") as port:
                check_raises(port, name, status, members)


if __name__ == "__main__":
    main()
