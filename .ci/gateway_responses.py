#!/usr/bin/env python3
"""What boto3 makes of the requests that API Gateway refuses by itself, and whether and when it retries them.

usage: gateway_responses.py TEMPLATE

The stand-in for API Gateway sends the template's status, body and headers, and the x-amzn-ErrorType that API Gateway
adds to each type of gateway response. It sends one set in the template first, as API Gateway does.

botocore reads x-amz-retry-after in its standard mode, before 1.44 if AWS_NEW_RETRIES_2026 is "true" when it is imported.
"""
import http.server
import json
import sys
import threading
import time

import boto3
import botocore.config
import botocore.configprovider
import botocore.exceptions
import yaml

PAUSES = []  # of botocore's backoff, in seconds
time.sleep = PAUSES.append
READS_RETRY_AFTER = getattr(botocore.configprovider, "NEW_RETRIES_ENABLED", True)


class Loader(yaml.SafeLoader):
    """Reads a template; the argument of a tag like !Ref does not matter here."""


Loader.add_multi_constructor("!", lambda loader, suffix, node: None)

# The error type that API Gateway sends, the exception that boto3 raises, and the requests that boto3 makes in standard and
# in legacy mode. Where the error types come from:
#   [1] AWS, "How do I troubleshoot HTTP 403 errors from API Gateway?" (repost.aws, knowledge center)
#   [2] LocalStack's tests, validated against AWS (localstack/localstack, .../next_gen/execute_api/gateway_response.py)
#   [3] answers of API Gateway that others have published
#   [?] not verified
OTHER, ONCE, RETRIED = "ClientError", (1, 1), (3, 5)
CALLERS_SEE = {
    "ACCESS_DENIED": ("AccessDeniedException", "AccessDeniedException", ONCE),  # [1]
    "MISSING_AUTHENTICATION_TOKEN": ("MissingAuthenticationTokenException", OTHER, ONCE),  # [1]
    "INVALID_SIGNATURE": ("InvalidSignatureException", OTHER, ONCE),  # [1]
    "EXPIRED_TOKEN": ("InvalidSignatureException", OTHER, ONCE),  # [1]
    "UNAUTHORIZED": ("UnauthorizedException", OTHER, ONCE),  # [2]
    "INVALID_API_KEY": ("ForbiddenException", OTHER, ONCE),  # [1]
    "WAF_FILTERED": ("ForbiddenException", OTHER, ONCE),  # [3]
    "THROTTLED": ("TooManyRequestsException", OTHER, RETRIED),  # [2]
    "QUOTA_EXCEEDED": ("LimitExceededException", OTHER, RETRIED),  # [2]
    "BAD_REQUEST_BODY": ("BadRequestException", OTHER, ONCE),  # [2]
    "BAD_REQUEST_PARAMETERS": ("BadRequestException", OTHER, ONCE),  # [2]
    "UNSUPPORTED_MEDIA_TYPE": ("BadRequestException", OTHER, ONCE),  # [2]
    "RESOURCE_NOT_FOUND": ("ResourceNotFoundException", "ResourceNotFoundException", ONCE),  # [?]
    "DEFAULT_5XX": ("InternalServerErrorException", OTHER, RETRIED),  # [3]
    "API_CONFIGURATION_ERROR": ("InternalServerErrorException", OTHER, RETRIED),  # [3]
    "INTEGRATION_FAILURE": ("InternalServerErrorException", OTHER, RETRIED),  # [?]
    "INTEGRATION_TIMEOUT": ("InternalServerErrorException", OTHER, RETRIED),  # [2]
}
# What API Gateway sends if nothing is set. The template leaves these two alone.
DEFAULT = {"StatusCode": "403", "ResponseTemplates": {"application/json": '{"message": $context.error.messageString}'}}
LEFT_ALONE = {"INVALID_SIGNATURE": DEFAULT, "EXPIRED_TOKEN": DEFAULT}


def answer_with(response, error_type):
    """A server that answers as API Gateway does, and the list of the requests it gets."""
    message = '"User: arn:aws:iam::1:user/\\"x\\" is not authorized"'
    body = response["ResponseTemplates"]["application/json"].replace("$context.error.messageString", message)
    assert json.loads(body)["message"]
    headers = [(name, value.strip("'")) for name, value in response.get("ResponseParameters", {}).get("Headers", {}).items()]
    headers += [("x-amzn-ErrorType", error_type), ("content-type", "application/json"), ("content-length", str(len(body)))]
    requests = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_PUT(self):
            requests.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(int(response["StatusCode"]))
            for name, value in headers:
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, requests


def call(response, error_type, mode):
    """The status, the exception, its code, and the number of requests."""
    PAUSES.clear()
    server, requests = answer_with(response, error_type)
    client = boto3.client("nova-act", endpoint_url=f"http://127.0.0.1:{server.server_port}", region_name="us-east-1",
                          aws_access_key_id="ci", aws_secret_access_key="ci",
                          config=botocore.config.Config(retries={"mode": mode}))
    try:
        client.create_workflow_run(workflowDefinitionName="demo", modelId="m", clientInfo={"compatibilityVersion": 1})
        sys.exit("no exception")
    except botocore.exceptions.ClientError as error:
        assert error.response["Error"]["Message"], error.response
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        return status, type(error).__name__, error.response["Error"]["Code"], len(requests)
    finally:
        server.shutdown()


def main():
    with open(sys.argv[1]) as template:
        api = yaml.load(template, Loader)["Resources"]["WorkflowRunsApi"]["Properties"]
    responses = {**api["GatewayResponses"], **LEFT_ALONE}
    if len(responses) != len(api["GatewayResponses"]) + len(LEFT_ALONE) or set(responses) != set(CALLERS_SEE):
        sys.exit(f"other gateway responses than expected: {set(responses) ^ set(CALLERS_SEE)}")
    row = "| {:<28} | {:<6} | {:<35} | {:<25} | {:<8} | {:<6} |"
    print(row.format("gateway response", "status", "error code", "boto3 raises", "standard", "legacy"))
    print(row.format(*["---"] * 6))
    for name, (error_type, raised, (standard, legacy)) in CALLERS_SEE.items():
        status = int(responses[name]["StatusCode"])
        for mode, requests in [("standard", standard), ("legacy", legacy)]:
            seen = call(responses[name], error_type, mode)
            if seen != (status, raised, error_type, requests):
                sys.exit(f"{name}, {mode}: {seen}")
            # Backoff is random. A pause of just one second is what x-amz-retry-after asks for.
            asked = [1.0] * (requests - 1) if status >= 500 and mode == "standard" and READS_RETRY_AFTER else []
            if [pause for pause in PAUSES if pause == 1.0] != asked:
                sys.exit(f"{name}, {mode}: pauses of {PAUSES} seconds")
        print(row.format(name, status, error_type, raised, standard, legacy))


if __name__ == "__main__":
    main()
