#!/usr/bin/env python3
"""The Nova Act SDK, unmodified, starts and ends runs as in examples/nova_act_workflow.py, and its command line creates, lists,
shows and deletes what it calls workflows.

usage: nova_act_sdk.py ENDPOINT [CONSOLE]

ENDPOINT is an API with the workflow definition `demo`. CONSOLE is the address of a console in front of it, for what signs for
`nova-act`; without one, that goes to ENDPOINT too. The credentials are those in the environment. The SDK first asks STS whose
they are; a stand-in responds. Needs the packages in .ci/requirements-nova-act.txt.
"""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import boto3

from support import ROOT, check, serve

os.environ.pop("NOVA_ACT_API_KEY", None)

ENDPOINT, *CONSOLE = (url.rstrip("/") for url in sys.argv[1:])
STOCK_ENDPOINT = (CONSOLE or [ENDPOINT])[0]
EXAMPLE = ROOT / "examples/nova_act_workflow.py"
IDENTITY = b"""<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
<Arn>arn:aws:iam::000000000000:user/ci</Arn><UserId>CI</UserId><Account>000000000000</Account>
</GetCallerIdentityResult></GetCallerIdentityResponse>"""


def recipe():
    """The example's lines up to the workflow itself, for this endpoint."""
    setup, _ = EXAMPLE.read_text().split("\nwith Workflow(")
    setup, replaced = re.subn(r'^ENDPOINT = f".*"$', lambda _: f"ENDPOINT = {ENDPOINT!r}", setup, flags=re.MULTILINE)
    assert replaced == 1, setup
    return setup


def check_signature(request, **_):
    """API Gateway refuses every other signing name."""
    assert b"/us-east-1/execute-api/aws4_request" in request.headers["Authorization"], request.headers


def check_workflow():
    documented = {}
    exec(recipe(), documented)
    documented["session"].register("before-send.nova-act", check_signature)
    reader = boto3.client("nova-act", endpoint_url=STOCK_ENDPOINT)

    for error, status in [(None, "SUCCEEDED"), (RuntimeError("the agent failed"), "FAILED")]:
        workflow = documented["Workflow"](
            model_id="nova-act-latest", workflow_definition_name="demo", log_group_name="/workflow-runs/demo",
            boto_session_kwargs={"botocore_session": documented["session"]},
        )
        run = {}
        try:
            with workflow:
                run = {"workflowDefinitionName": "demo", "workflowRunId": workflow.workflow_run_id}
                seen = reader.get_workflow_run(**run)
                assert seen["status"] == "RUNNING", seen
                if error:
                    raise error
        except RuntimeError as raised:
            assert raised is error, raised
        seen = reader.get_workflow_run(**run)
        check(f"a Workflow of the Nova Act SDK that {'raises' if error else 'ends'} leaves its run {status}",
              seen["status"] == status and seen["endedAt"] >= seen["startedAt"], seen)


def check_command_line():
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "HOME": home, "AWS_ENDPOINT_URL_NOVA_ACT": STOCK_ENDPOINT}

        def act(command):
            done = subprocess.run([pathlib.Path(sys.executable).with_name("act"), "workflow", *command.split()],
                                  env=environment, capture_output=True, text=True)
            check(f"act workflow {command}", done.returncode == 0, f"{done.stdout}\n{done.stderr}")
            return done.stdout

        act("create --name from-the-command-line --skip-s3-creation")
        seen = act("list")
        check("lists what it has created", re.search(r"from-the-command-line.*synced", seen) and re.search(r"demo.*remote", seen), seen)
        seen = act("show --name from-the-command-line")
        check("shows it", ":workflow-definition/from-the-command-line" in seen, seen)
        runs = json.loads(act("list-runs --name demo --json --status failed"))
        check("lists runs", runs and {run["status"] for run in runs} == {"FAILED"}, runs)
        act("delete --name from-the-command-line --cleanup --force")
        reader = boto3.client("nova-act", endpoint_url=STOCK_ENDPOINT)
        seen = reader.get_workflow_definition(workflowDefinitionName="from-the-command-line")
        check("deletes it", seen["status"] == "DELETING", seen)


def main():
    with serve(lambda *_: (200, {"content-type": "text/xml"}, IDENTITY)) as sts:
        os.environ["AWS_ENDPOINT_URL_STS"] = sts
        check_workflow()
        check_command_line()


if __name__ == "__main__":
    main()
