#!/usr/bin/env python3
"""The documented curl commands sign what they send, with temporary credentials and without.

usage: curl.py

botocore checks the signature of each request, as API Gateway would: over the headers that arrived, and each signed
header must have arrived.
"""
import http.server
import os
import pathlib
import re
import subprocess
import sys
import threading

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

ROOT = pathlib.Path(__file__).resolve().parent.parent
REGION, KEY, SECRET = "us-east-1", "ci-key", "ci-secret"
AUTHORIZATION = re.compile(
    rf"AWS4-HMAC-SHA256 Credential={KEY}/(\d{{8}})/{REGION}/execute-api/aws4_request, *"
    r"SignedHeaders=([a-z0-9;-]+), *Signature=([0-9a-f]{64})")


def commands():
    for page in sorted((ROOT / "docs").glob("*.md")):
        for block in re.findall(r"^```sh\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL):
            if "--aws-sigv4" in block:
                yield page.relative_to(ROOT), block


def fault(request, body, token):
    """What API Gateway would refuse in a request; None if it is right."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    parsed = AUTHORIZATION.fullmatch(headers.get("authorization", ""))
    if not parsed:
        return f"its Authorization header: {headers.get('authorization')}"
    _, signed, signature = parsed.groups()
    if absent := [name for name in signed.split(";") if name not in headers]:
        return f"headers that it signed and did not send: {absent}"
    if headers.get("x-amz-security-token") != token or (token and "x-amz-security-token" not in signed.split(";")):
        return "its security token"
    url = f"http://{headers['host']}{request.path}"
    right = AWSRequest(request.command, url, {name: headers[name] for name in signed.split(";")}, body)
    right.context["timestamp"] = headers["x-amz-date"]
    auth = SigV4Auth(Credentials(KEY, SECRET), "execute-api", REGION)
    expected = auth.signature(auth.string_to_sign(right, auth.canonical_request(right)), right)
    return None if signature == expected else "its signature"


def main():
    faults, state = [], {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_PUT(self):
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            faults.append(fault(self, body, state["token"]))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        do_GET = do_POST = do_DELETE = do_PUT

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    found = list(commands())
    if {str(page) for page, _ in found} != {"docs/api.md"}:
        sys.exit(f"other pages with curl commands than expected: {found}")
    for page, command in found:
        command = command.replace("ENDPOINT", f"http://127.0.0.1:{server.server_port}/prod").replace("REGION", REGION)
        for token in [None, "", "a+session/token=="]:
            faults.clear()
            state["token"] = token or None
            environment = {"PATH": os.environ["PATH"], "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
            if token is not None:
                environment["AWS_SESSION_TOKEN"] = token
            done = subprocess.run(["sh", "-ec", command], env=environment, capture_output=True, text=True, timeout=60)
            if done.returncode or not faults or any(faults):
                sys.exit(f"{page}, AWS_SESSION_TOKEN={token!r}: {faults}\n{command}\n{done.stderr}")
        print(f"ok: {page}")


if __name__ == "__main__":
    main()
