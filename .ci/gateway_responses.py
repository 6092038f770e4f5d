#!/usr/bin/env python3
"""What API Gateway refuses by itself, as the template words it: boto3 must raise the modelled exceptions.

usage: gateway_responses.py TEMPLATE
"""
import http.server
import sys
import threading

import boto3
import botocore.config
import botocore.exceptions
import yaml


class Loader(yaml.SafeLoader):
    """Reads a template; the argument of a tag like !Ref is of no interest here."""


Loader.add_multi_constructor("!", lambda loader, suffix, node: None)

# The model has no error for an operation that it does not have.
NOT_MODELLED = "UnknownOperationException"


def answer_with(response):
    """A server that answers as API Gateway would."""
    message = '"User: arn:aws:iam::1:user/\\"x\\" is not authorized"'
    body = response["ResponseTemplates"]["application/json"].replace("$context.error.messageString", message).encode()
    headers = {name: value.strip("'") for name, value in response["ResponseParameters"]["Headers"].items()}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_PUT(self):
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(int(response["StatusCode"]))
            for name, value in {**headers, "content-type": "application/json", "content-length": len(body)}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def main():
    with open(sys.argv[1]) as template:
        api = yaml.load(template, Loader)["Resources"]["WorkflowRunsApi"]["Properties"]
    assert api["GatewayResponses"]
    for response_type, response in api["GatewayResponses"].items():
        server = answer_with(response)
        client = boto3.client("nova-act", endpoint_url=f"http://127.0.0.1:{server.server_port}", region_name="us-east-1",
                              aws_access_key_id="ci", aws_secret_access_key="ci",
                              config=botocore.config.Config(retries={"total_max_attempts": 1}))
        request = {"workflowDefinitionName": "demo", "modelId": "m", "clientInfo": {"compatibilityVersion": 1}}
        try:
            client.create_workflow_run(**request)
            sys.exit(f"{response_type}: no exception")
        except botocore.exceptions.ClientError as error:
            raised = error
        name = response["ResponseParameters"]["Headers"]["x-amzn-ErrorType"].strip("'")
        code, status = raised.response["Error"]["Code"], raised.response["ResponseMetadata"]["HTTPStatusCode"]
        modelled = getattr(client.exceptions, name, None) if name != NOT_MODELLED else botocore.exceptions.ClientError
        if code != name or status != int(response["StatusCode"]) or modelled is None or not isinstance(raised, modelled):
            sys.exit(f"{response_type}: {raised!r} {raised.response}")
        print(f"ok: boto3 raises {name} ({status}) for {response_type}")
        server.shutdown()


if __name__ == "__main__":
    main()
