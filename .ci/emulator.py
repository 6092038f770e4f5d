#!/usr/bin/env python3
"""The artifact in AWS's own Lambda Runtime Interface Emulator, the one inside aws-sam-cli: the sample events, real
deadlines, a start that fails, Managed Instances mode, and the metrics in the function's lines.

usage: emulator.py BOOTSTRAP LOCAL

BOOTSTRAP is the function, LOCAL the local server, whose embedded DynamoDB and CloudWatch Logs the function uses.
"""
import concurrent.futures
import copy
import json
import sys
import threading
import time

import metrics
from support import aws, check, failing, lambda_emulator, local_server, sample_events

BOOTSTRAP, LOCAL = sys.argv[1:]
CONCURRENCY, CREATES = 16, 64
DENIED, THROTTLED, BROKEN = (400, "AccessDeniedException"), (400, "ThrottlingException"), (500, "InternalServerError")
LINGER = 0.25


def header(response, name):
    """REST APIs get multi-value headers, HTTP APIs single ones."""
    return response["headers"].get(name) or response["multiValueHeaders"].get(name, [None])[0]


def check_sample_events(samples):
    with local_server(LOCAL) as (_, aws_url), lambda_emulator(BOOTSTRAP, aws_url) as function:
        for sample, event in samples:
            response = function.invoke(event)
            if "status" in sample:
                seen = (response["statusCode"], header(response, "x-amzn-errortype"))
                check(f"{sample['event']} comes to {sample['status']}", seen == (sample["status"], sample.get("error")), response)
            else:
                check(f"{sample['event']} is done", not (response or {}).get("batchItemFailures"), response)
                status, seen = function.raw(json.loads(json.dumps(event).replace("table/workflow-runs/", "table/other/")))
                check("of another table it fails, since nothing may count as done", status != 200 or "errorType" in seen, seen)
        by_name = {sample["event"]: event for sample, event in samples}
        seen = function.invoke(by_name["rest-delete-workflow-run"])["statusCode"]
        check("a second deletion comes to 202", seen == 202, seen)
        unknown = copy.deepcopy(by_name["rest-get-workflow-run"])
        unknown["resource"] = unknown["requestContext"]["resourcePath"] = "/{proxy+}"
        unknown["pathParameters"] = {"proxy": "sessions"}
        seen = function.invoke(unknown)
        check("another path comes to 404", (seen["statusCode"], header(seen, "x-amzn-errortype")) == (404, "UnknownOperationException"), seen)
        return function.lines()


def check_failures(define, create):
    """Errors of AWS, as callers see them."""
    for (status, error), expected in [(DENIED, 403), (THROTTLED, 429), (BROKEN, 500)]:
        with aws(failing(status, error)) as aws_url, lambda_emulator(BOOTSTRAP, aws_url) as function:
            seen = function.invoke(create)
            check(f"{error} of DynamoDB comes to {expected}", seen["statusCode"] == expected, seen)
            yield from function.lines()

    no_log_groups = lambda operation, request: failing(*THROTTLED)(operation, request) if operation == "CreateLogGroup" else None
    with local_server(LOCAL) as (_, behind), aws(no_log_groups, behind) as aws_url, lambda_emulator(BOOTSTRAP, aws_url) as function:
        function.invoke(define)
        seen = function.invoke(create)
        service = json.loads(seen["body"]).get("serviceCode")
        check("a throttled CreateLogGroup comes to 429", (seen["statusCode"], service) == (429, "logs"), seen)
        yield from function.lines()


def check_deadline(create, seconds, respond):
    """Nobody waits for Lambda's own timeout, whose response is the gateway's 502."""
    with aws(respond) as aws_url, lambda_emulator(BOOTSTRAP, aws_url, timeout=seconds) as function:
        begun = time.monotonic()
        response = function.invoke(create)
        took = time.monotonic() - begun
        [line] = [line for line in function.lines() if line.get("message") == "request"]
        seen = (response["statusCode"], "deadline" in line["detail"])
        check(f"with {seconds} s, a DynamoDB that hangs comes to 500, which names the deadline", seen == (500, True), (response, line))
        # It may be later on a busy machine, and is still a response: the emulator reports what exceeds its own deadline.
        check(f"the response comes 250 ms before the deadline at the earliest ({took:.2f} s)", took >= seconds - LINGER - 0.01, took)


def hanging(*_):
    threading.Event().wait()


def dragging():
    """A DynamoDB that hangs on two attempts of three, and on the third leaves all keys for later."""
    attempts = iter(range(1_000_000))

    def respond(_operation, request):
        if next(attempts) % 3 < 2:
            hanging()
        return 200, {"Responses": {}, "UnprocessedKeys": request["RequestItems"]}
    return respond


def check_start(create):
    with aws(failing(*BROKEN)) as aws_url, lambda_emulator(BOOTSTRAP, aws_url, TABLE_NAME=None) as function:
        status, response = function.raw(create)
        named = [line for line in function.lines() if line.get("level") == "ERROR" and "TABLE_NAME" in json.dumps(line)]
        check("without TABLE_NAME the function does not start", status != 200 or "errorType" in response, response)
        check("and its log names TABLE_NAME", named, function.log())


def check_managed_instances(define, create):
    together = threading.Barrier(CONCURRENCY)

    def meet(operation, request):
        """Responds once all requests are waiting for it; a process that handled fewer at once would never get there."""
        together.wait(60)
        return failing(*DENIED)(operation, request)

    with concurrent.futures.ThreadPoolExecutor(CREATES) as threads:
        with aws(meet) as aws_url, lambda_emulator(BOOTSTRAP, aws_url, 60, CONCURRENCY) as function:
            seen = [response["statusCode"] for response in threads.map(function.invoke, [create] * CONCURRENCY)]
            check(f"one process handles {CONCURRENCY} requests at once", seen == [403] * CONCURRENCY, seen)
            check("there was one process", function.log().count("LocalProcessSupervisor.Exec") == 1, function.log())
        with local_server(LOCAL) as (_, aws_url), lambda_emulator(BOOTSTRAP, aws_url, 15, CONCURRENCY) as function:
            function.invoke(define)
            seen = list(threads.map(function.invoke, [create] * CREATES))
            runs = {json.loads(response["body"]).get("workflowRunId") for response in seen}
            new = [response for response in seen if not header(response, "idempotent-replayed")]
            check(f"one token in {CREATES} parallel creates is one run", {r["statusCode"] for r in seen} == {201} and len(runs) == 1, seen)
            check("and one of them has started it", len(new) == 1, new)
            lines = [line["outcome"] for line in function.lines() if line.get("operation") == "CreateWorkflowRun"]
            check("each has its line in the log", sorted(lines) == ["created"] + ["replayed"] * (CREATES - 1), lines)


def main():
    samples = sample_events()
    events = {sample["event"]: event for sample, event in samples}
    define, create = events["rest-create-workflow-definition"], events["rest-create-workflow-run"]
    lines = check_sample_events(samples)
    lines += check_failures(define, create)
    # The SDK gives a call up after 2 s and tries it three times, which is less than the longer deadline.
    check_deadline(create, 3, hanging)
    check_deadline(create, 15, dragging())
    check_start(create)
    check_managed_instances(define, create)
    metrics.check_lines(lines)


if __name__ == "__main__":
    main()
