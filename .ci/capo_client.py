#!/usr/bin/env python3
"""capo-nova-act, a client that is generated from the service model and has nothing of botocore, starts a run, ends it and
reads an error.

usage: capo_client.py ENDPOINT

ENDPOINT is an API with the workflow definition `demo`. Needs the packages in .ci/requirements-capo.txt.
"""
import importlib.metadata
import sys

from capo_nova_act import NovaActClient
from capo_nova_act.errors import ResourceNotFoundException, ValidationException

from support import REGION, check

ENDPOINT = sys.argv[1]
START = {"model_id": "nova-act-latest", "client_info": {"compatibility_version": 1}}
NAME = f"capo-nova-act {importlib.metadata.version('capo-nova-act')}"


def check_raises(nova_act, error, **change):
    try:
        seen = nova_act.create_workflow_run(**{"workflow_definition_name": "demo", **START, **change})
    except error as raised:
        seen = raised
    check(f"{NAME} raises {error.__name__}", isinstance(seen, error), seen)
    return seen.data


def main():
    with NovaActClient(endpoint=ENDPOINT, region=REGION, credentials={"access_key": "ci", "secret_key": "ci"}) as nova_act:
        nova_act.create_workflow_run(workflow_definition_name="demo", **START)
        created = nova_act.create_workflow_run(workflow_definition_name="demo", **START)
        run = {"workflow_definition_name": "demo", "workflow_run_id": created["workflow_run_id"]}
        check(f"{NAME} starts a run", created["status"] == "RUNNING", created)
        nova_act.update_workflow_run(**run, status="FAILED")
        seen = nova_act.get_workflow_run(**run)
        check(f"{NAME} ends it", seen["status"] == "FAILED" and seen["ended_at"] >= seen["started_at"], seen)
        listed = [summary["workflow_run_id"] for summary in nova_act.iter_list_workflow_runs(workflow_definition_name="demo", max_results=1)]
        check(f"{NAME} lists it, page by page", len(listed) > 1 and run["workflow_run_id"] in listed, listed)
        check_raises(nova_act, ResourceNotFoundException, workflow_definition_name="nope")
        check_raises(nova_act, ValidationException, model_id="m" * 101)


if __name__ == "__main__":
    main()
