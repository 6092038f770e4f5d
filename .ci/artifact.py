#!/usr/bin/env python3
"""The artifact that is deployed, called by clients of all kinds: boto3 in two versions, the AWS CLI, the Nova Act SDK with
its command line, capo-nova-act. It must trust AWS over TLS if and only if it trusts the certificate.

usage: artifact.py BOOTSTRAP LOCAL NEWEST_PYTHON NOVA_ACT_PYTHON CAPO_PYTHON

BOOTSTRAP is the function, in AWS's Lambda Runtime Interface Emulator behind a small gateway. LOCAL is the local server, whose
embedded DynamoDB and CloudWatch Logs the function uses. The others are the Pythons of the virtual environments for the newest
boto3, the Nova Act SDK and capo-nova-act.
"""
import contextlib
import json
import os
import re
import subprocess
import sys

import trustme

from support import CREDENTIALS, ROOT, aws, check, failing, free_port, gateway, http_call, lambda_emulator, local_server, process, wait_for

BOOTSTRAP, LOCAL, NEWEST_PYTHON, NOVA_ACT_PYTHON, CAPO_PYTHON = sys.argv[1:]


@contextlib.contextmanager
def api(aws_url, **variables):
    """The URL of an API whose function calls this AWS, with the definition `demo` if it can be created."""
    with lambda_emulator(BOOTSTRAP, aws_url, **variables) as function, gateway(function) as url:
        http_call(f"{url}/workflow-definitions", b'{"name": "demo"}', method="PUT")
        yield url


def client(python, script, *arguments):
    subprocess.run([python, ROOT / ".ci" / script, *arguments], check=True, env={**os.environ, **CREDENTIALS})


def check_cli(url, *arguments, expect):
    command = ["aws", "nova-act", "create-workflow-run", "--endpoint-url", url, "--model-id", "nova-act-latest",
               "--client-info", "compatibilityVersion=1", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **CREDENTIALS, "AWS_MAX_ATTEMPTS": "1"})
    check(f"the AWS CLI prints {expect}", re.search(expect, done.stdout + done.stderr), done)


def check_cargo_lambda(aws_url):
    """Its emulator and its `invoke`, as CONTRIBUTING.md has them."""
    port, event = free_port(), ROOT / "events/rest-create-workflow-run.json"
    with process("cargo", "lambda", "watch", "--only-lambda-apis", "--invoke-port", str(port)) as emulator:
        wait_for(port, emulator, str)
        runtime = {"AWS_LAMBDA_FUNCTION_NAME": "_", "AWS_LAMBDA_FUNCTION_VERSION": "1", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
                   "AWS_LAMBDA_RUNTIME_API": f"http://127.0.0.1:{port}/.rt"}
        with process(BOOTSTRAP, AWS_ENDPOINT_URL=aws_url, TABLE_NAME="workflow-runs", **runtime):
            command = ["cargo", "lambda", "invoke", "--invoke-port", str(port), "--data-file", event]
            done = subprocess.run(command, capture_output=True, text=True)
            check("cargo lambda invoke", done.returncode == 0 and json.loads(done.stdout)["statusCode"] == 201, done)


def main():
    with local_server(LOCAL) as (_, aws_url):
        with api(aws_url) as url:
            client(sys.executable, "boto3_client.py", url)
            client(NEWEST_PYTHON, "boto3_client.py", url)
            client(NOVA_ACT_PYTHON, "nova_act_sdk.py", url)
            client(CAPO_PYTHON, "capo_client.py", url)
            check_cli(url, "--workflow-definition-name", "demo", expect='"status": "RUNNING"')
            check_cli(url, "--workflow-definition-name", "nope", expect=r"\(ResourceNotFoundException\)")
        check_cargo_lambda(aws_url)

    for error, aws_status, name, status, members in [
        ("AccessDeniedException", 400, "AccessDeniedException", 403, {}),
        ("ThrottlingException", 400, "ThrottlingException", 429, {"serviceCode": "dynamodb", "retryAfterSeconds": 1}),
        ("InternalServerError", 500, "InternalServerException", 500, {"retryAfterSeconds": 1}),
    ]:
        with aws(failing(aws_status, error)) as aws_url, api(aws_url) as url:
            client(sys.executable, "boto3_client.py", url, name, str(status), json.dumps(members))
            check_cli(url, "--workflow-definition-name", "demo", expect=rf"\({name}\)")

    ca = trustme.CA()
    for trusted, name, status, members in [
        (ca, "AccessDeniedException", 403, {}),
        (trustme.CA(), "InternalServerException", 500, {"retryAfterSeconds": 1}),
    ]:
        denying = aws(failing(400, "AccessDeniedException"), ca=ca)
        with trusted.cert_pem.tempfile() as bundle, denying as aws_url, api(aws_url, SSL_CERT_FILE=bundle, SSL_CERT_DIR="") as url:
            client(sys.executable, "boto3_client.py", url, name, str(status), json.dumps(members))


if __name__ == "__main__":
    main()
