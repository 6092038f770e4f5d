#!/usr/bin/env python3
"""boto3 calls every operation, reads every error, and replays a create.

usage: boto3_client.py ENDPOINT [ERROR STATUS MEMBERS]

ENDPOINT is an API with the workflow definition `demo`. With ERROR, an endpoint that responds to every CreateWorkflowRun with
that exception, this status and at least these members (JSON).
"""
import json
import sys

import boto3
import botocore.config

from support import REGION, check

ENDPOINT, *EXPECTED = sys.argv[1:]
VERSION = boto3.__version__.replace(".", "-")
TOKEN = f"0b9c8d7e-6f5a-4b3c-8d2e-1f0a9b8c7d6f-{VERSION}"
REQUEST = {"workflowDefinitionName": "demo", "modelId": "nova-act-latest", "clientInfo": {"compatibilityVersion": 1}}
NAME = f"boto3 {boto3.__version__}"


def client():
    once = botocore.config.Config(retries={"total_max_attempts": 1}, proxies={})
    return boto3.client("nova-act", endpoint_url=ENDPOINT, region_name=REGION, aws_access_key_id="ci", aws_secret_access_key="ci",
                        config=once)


def check_raises(name, status, members, **change):
    """boto3 raises the modelled exception, with its members and a request id."""
    nova_act = client()
    try:
        seen = nova_act.create_workflow_run(**{**REQUEST, **change})
    except getattr(nova_act.exceptions, name) as error:
        seen = error.response
    metadata = seen["ResponseMetadata"]
    right = seen.get("Error", {}).get("Code") == name and metadata["HTTPStatusCode"] == status and metadata["RequestId"]
    check(f"{NAME} raises {name} with {members}", right and members.items() <= seen.items(), seen)


def check_every_operation():
    """A definition and a run, from their creation to their deletion."""
    nova_act, definition = client(), {"workflowDefinitionName": f"life-{VERSION}"}
    name = definition["workflowDefinitionName"]

    def check_call(operation, holds, **request):
        seen = getattr(nova_act, operation)(**request)
        check(f"{NAME} calls {operation}", holds(seen) and seen["ResponseMetadata"]["RequestId"], seen)
        return seen

    check_call("create_workflow_definition", lambda seen: seen["status"] == "ACTIVE", name=name, description="from CI")
    check_call("get_workflow_definition", lambda seen: (seen["name"], seen["description"]) == (name, "from CI"), **definition)
    names = lambda seen: [summary["workflowDefinitionName"] for summary in seen["workflowDefinitionSummaries"]]
    check_call("list_workflow_definitions", lambda seen: name in names(seen), sortOrder="Descending")
    created = check_call("create_workflow_run", lambda seen: seen["status"] == "RUNNING", **{**REQUEST, **definition})
    run = {**definition, "workflowRunId": created["workflowRunId"]}
    check_call("update_workflow_run", lambda seen: True, **run, status="SUCCEEDED")
    check_call("get_workflow_run", lambda seen: seen["status"] == "SUCCEEDED" and seen["endedAt"] >= seen["startedAt"], **run)
    ids = lambda seen: [summary["workflowRunId"] for summary in seen["workflowRunSummaries"]]
    check_call("list_workflow_runs", lambda seen: ids(seen) == [run["workflowRunId"]], **definition, maxResults=1)
    check_call("delete_workflow_run", lambda seen: seen["status"] == "DELETING", **run)
    check_call("list_workflow_runs", lambda seen: ids(seen) == [], **definition)
    check_call("delete_workflow_definition", lambda seen: seen["status"] == "DELETING", **definition)


def check_replay():
    create = lambda: client().create_workflow_run(**REQUEST, clientToken=TOKEN, logGroupName="/workflow-runs/ci")
    first, again = create(), create()
    run = first["workflowRunId"]
    check(f"{NAME} starts a run", first["status"] == "RUNNING" and first["ResponseMetadata"]["RequestId"], first)
    headers = again["ResponseMetadata"]["HTTPHeaders"]
    check(f"{NAME} replays it", again["workflowRunId"] == run and headers.get("idempotent-replayed") == "true", again)
    check_raises("ConflictException", 409, {"resourceId": run, "resourceType": "workflow-run"}, clientToken=TOKEN)


def main():
    if EXPECTED:
        name, status, members = EXPECTED
        check_raises(name, int(status), json.loads(members))
        return
    check_replay()
    missing = {"resourceId": "nope", "resourceType": "workflow-definition"}
    check_raises("ResourceNotFoundException", 404, missing, workflowDefinitionName="nope")
    length = {"name": "modelId", "message": "Member must have length between 1 and 100, inclusive"}
    invalid = {"reason": "FieldValidationFailed", "fieldList": [length]}
    check_raises("ValidationException", 400, invalid, modelId="m" * 101)
    check_every_operation()


if __name__ == "__main__":
    main()
