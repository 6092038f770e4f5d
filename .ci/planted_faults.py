#!/usr/bin/env python3
"""Plants faults in the stack and in the function, one at a time, to see that the witnesses report each.

usage: planted_faults.py [WORD…]

Needs what .ci/run leaves behind: the tools, the artifact, the local server, the console. Faults of the template and the docs take a
minute each, those of the function a debug build too. With WORD, only those whose name has one of the words. By hand, or weekly.
The bugs that the tests catch are in a list of their own: see CONTRIBUTING.md.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGET = ROOT / "target"
ARTIFACT = ROOT / ".aws-sam/build/WorkflowRunsFunction"
STACK, EMULATOR, STREAM, GATEWAY = "stack.py", "emulator.py", "stream.py", "gateway_responses.py"
COMMANDS, CURL, TRANSLATOR = "aws_commands.py", "curl.py", "template.py"

# Each with the file, what is replaced by what (regular expressions, `^` and `$` at every line), the witness, and what that says.
FAULTS = [
    ("the role lacks a permission", "template.yaml", r"dynamodb:PutItem, ", "", STACK, "AccessDeniedException"),
    ("the role may not touch the items of runs", "template.yaml", r"\[definition/\*, run/\*, log-group/\*\]", "[definition/*, log-group/*]",
     STACK, "AccessDeniedException"),
    ("the role names an action that does not exist", "template.yaml", r"dynamodb:BatchGetItem", "dynamodb:BatchGetItems",
     STACK, "FAILED: parliament finds nothing in the policy of WorkflowRunsRole"),
    ("the role lets an action have a resource that it does not take", "template.yaml",
     r"(Action: logs:CreateLogGroup\n +Resource: &LogGroupsOfRuns) .*", r"\1 !GetAtt WorkflowRunsTable.Arn",
     STACK, "FAILED: parliament finds nothing in the policy of WorkflowRunsRole"),
    ("the role cannot set the retention of log groups", "template.yaml", r"logs:PutRetentionPolicy", "logs:DeleteRetentionPolicy",
     STACK, "FAILED: the new one may set the retention of log groups"),
    # Without {proxy+}, which takes every path and leaves it to the function.
    ("a path is wrong", "template.yaml", r"(Path: /workflow-definitions/\{workflowDefinitionName\}/)workflow-runs$|(Path: /)\{proxy\+\}$",
     lambda path: f"{path[1]}runs" if path[1] else f"{path[2]}other", STACK, "FAILED: CreateWorkflowRun is allowed to Runners"),
    ("a route needs no signature", "template.yaml", r"(Method: GET\n +Path: /workflow-definitions/\{workflowDefinitionName\})$",
     r"\1\n            Auth: {Authorizer: NONE}", STACK, "FAILED: GetWorkflowDefinition is allowed to Readers"),
    ("no route needs a signature", "template.yaml", r"^ +DefaultAuthorizer: AWS_IAM\n", "", STACK, "FAILED: CreateWorkflowDefinition is allowed to Administrators"),
    ("a documented policy allows too much", "examples/policies/runners.json", r"/prod/PUT/workflow-definitions/\*/workflow-runs\"", '/prod/PUT/*"',
     STACK, "FAILED: the documented policy of Runners is the output RunnerArns"),
    ("a policy lacks a route, in the docs and in the output", "template.yaml examples/policies/readers.json",
     r",\n +\"[^\"]+/POST/workflow-definitions/\*/workflow-runs\"|,\$\{Stage\}/POST/workflow-definitions/\*/workflow-runs", "",
     STACK, "FAILED: ListWorkflowRuns is allowed to Readers"),
    ("a version is deleted when it is replaced", "template.yaml", r"(  WorkflowRunsFunction:\n(?:.*\n)*?) +UpdateReplacePolicy: Retain\n", r"\1",
     STACK, "FAILED: it keeps the previous one"),
    ("new settings publish no version", "template.yaml", r"run (timeout|time-out) \$\{RunTimeoutInHours\} hours|run log retention \$\{RunLogRetentionInDays\} days", "",
     STACK, "FAILED: an update of the function's settings publishes a version"),
    ("a parameter takes anything", "template.yaml", r"AllowedPattern: \"\[0-9\]\|\[1-9\].*8760\"", 'AllowedPattern: ".*"',
     STACK, "FAILED: {'RunTimeoutInHours': '8761'} is rejected"),
    ("a rule asserts nothing", "template.yaml", r"Assert: !Equals \[!Ref RunLogRetentionInDays, 0\]", "Assert: !Equals [0, 0]",
     STACK, "FAILED: {'LogGroupPrefix': '[*]', 'RunLogRetentionInDays': '30'} is rejected"),
    ("the cleanup function may not delete runs", "template.yaml", r"\[run/\*, generation/\*\]", "[generation/*]",
     STACK, "FAILED: the cleanup function deletes the runs"),
    ("the stream's records of definitions do not pass", "template.yaml", r'("dynamodb": \{"Keys": \{"pk": \{"S": \[\{"prefix": "definition)/', r"\1s/",
     STACK, "FAILED: the cleanup function deletes the runs"),
    ("the table goes with the stack", "template.yaml", r"(  WorkflowRunsTable:\n.*\n +DeletionPolicy:) Retain", r"\1 Delete",
     STACK, "ResourceNotFoundException|FAILED: the table stays"),
    ("the README's client signs for nova-act", "README.md", r"signing_name=\"execute-api\"", 'signing_name="nova-act"',
     STACK, "Credential should be scoped to correct service"),
    ("an alarm asks for a metric that is not there", "template.yaml", r"MetricName: log_groups_created", "MetricName: log_groups_made",
     EMULATOR, "FAILED: all .* metrics of alarms and dashboard occur"),
    ("the dashboard searches other dimensions", "template.yaml", r"\{WorkflowRuns,\\\"function_name\\\",operation\}", r'{WorkflowRuns,\\"function_name\\",outcomes}',
     EMULATOR, "FAILED: the dashboard's .* searches find metrics"),
    ("a metric has a unit that CloudWatch does not know", "src/metrics.rs", r"\"Milliseconds\"", '"Millisecond"',
     EMULATOR, "FAILED: .* lines are in the embedded metric format"),
    ("the deadline is overlong", "src/handler.rs", r"from_millis\(250\)", "from_millis(0)", EMULATOR, "Task timed out after (3|15).00 seconds"),
    ("one request at a time on Managed Instances", "src/main.rs", r"lambda_runtime::run_concurrent", "lambda_runtime::run",
     EMULATOR, "FAILED: one process handles 16 requests at once"),
    ("the table's name has a default", "src/config.rs", r"required\(\"TABLE_NAME\"\)\?", '"workflow-runs".to_owned()',
     EMULATOR, "FAILED: without TABLE_NAME the function does not start"),
    ("the mapping takes generations before they are removed", "template.yaml", r'"eventName": \["REMOVE"\], ', "",
     STREAM, "FAILED: the cleanup function gets definitions and generations that are removed"),
    ("a run that has ended and is written again is an event", "template.yaml", r'"OldImage": \{"status": \{"S": \["RUNNING"\]\}\},$', "",
     STREAM, "FAILED: the event bus gets each start and each end"),
    ("a timeout that is stored is no event", "template.yaml", r'"SUCCEEDED", "FAILED", "TIMED_OUT"', '"SUCCEEDED", "FAILED"',
     STREAM, "FAILED: the event bus gets each start and each end"),
    ("an event has a member that a run that starts lacks", "template.yaml", r"NewImage\.startedAt", "NewImage.endedAt", STREAM, "KeyError: 'endedAt'"),
    ("the rule mails every end", "examples/failed-runs.yaml", r"status: \[FAILED\]", "status: [FAILED, SUCCEEDED]",
     STREAM, "FAILED: it lets failed runs through"),
    ("the mapping without SAM gives up", "examples/without-sam.sh", r"--maximum-retry-attempts -1", "--maximum-retry-attempts 3",
     COMMANDS, "FAILED: so is the mapping"),
    ("curl signs a header that it does not send", "docs/api.md", r"\$\{AWS_SESSION_TOKEN:\+\S+\}", '-H "x-amz-security-token: $AWS_SESSION_TOKEN"',
     CURL, "headers that it signed and did not send"),
    ("a 5xx of the gateway does not say when to try again", "template.yaml", r"^ +x-amz-retry-after: .*\n", "", GATEWAY, "pauses of"),
    ("a throttled caller waits as long as all others", "template.yaml", r"^( +)(THROTTLED:\n.*\n.*\n.*\n.*\n)", r'''\1\2\1      x-amz-retry-after: "'1000'"\n''',
     GATEWAY, "pauses of"),
    ("a role lacks the permissions boundary", "template.yaml", r"(  CleanupRole:\n.*\n.*\n) +PermissionsBoundary.*\n", r"\1",
     TRANSLATOR, "CleanupRole has the boundary"),
    ("an event's status is wrong in the list", "events/expected.json", r"(\"rest-get-workflow-run\", \"status\": )200", r"\g<1>404",
     EMULATOR, "FAILED: rest-get-workflow-run comes to 404"),
]


def plant(copy, files, old, new):
    planted = 0
    for file in (copy / name for name in files.split()):
        text, count = re.subn(old, new, file.read_text(), flags=re.MULTILINE)
        file.write_text(text)
        planted += count > 0
    if planted != len(files.split()):
        sys.exit(f"{files}: nothing to replace: {old}")


def witness(copy, script, build):
    """Runs a witness on a copy of this tree, and returns what it says."""
    bootstrap = ARTIFACT / "bootstrap"
    if build:
        # As .ci/run builds it, so that the dependencies are there already.
        subprocess.run(["cargo", "build", "--quiet", "--locked", "--bins", "--examples"], cwd=copy, check=True,
                       env={**os.environ, "CARGO_TARGET_DIR": str(TARGET)})
        bootstrap = TARGET / "debug/workflow-runs"
    # As `sam build` leaves it.
    template = copy / "built.yaml"
    template.write_text((copy / "template.yaml").read_text().replace("CodeUri: .\n", f"CodeUri: {ARTIFACT}\n"))
    arguments = {
        EMULATOR: [bootstrap, TARGET / "debug/local"],
        STACK: [template, TARGET / "debug/console", TARGET / "debug/examples/client", TARGET / "ministack/bin/python",
                TARGET / "nova-act/bin/python"],
        STREAM: [TARGET / "debug/local"],
        GATEWAY: [copy / "template.yaml"],
        TRANSLATOR: [copy / "template.yaml"],
        COMMANDS: [],
        CURL: [],
    }[script]
    done = subprocess.run([TARGET / "tools/bin/python", copy / ".ci" / script, *arguments], cwd=copy, capture_output=True, text=True,
                          env={**os.environ, "PATH": f"{TARGET / 'tools/bin'}:{os.environ['PATH']}", "AWS_NEW_RETRIES_2026": "true"})
    return done.returncode, done.stdout + done.stderr


def main():
    words, missed = sys.argv[1:], []
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    with tempfile.TemporaryDirectory() as scratch:
        pristine, copy = pathlib.Path(scratch, "pristine"), pathlib.Path(scratch, "copy")
        for file in filter(None, files):
            (pristine / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / file, pristine / file)
        (pristine / "target").mkdir()
        for name, *fault, script, says in FAULTS:
            if words and not any(word in name for word in words):
                continue
            # All files are new, so that cargo builds what the previous fault was in.
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(pristine, copy, copy_function=shutil.copy)
            plant(copy, *fault)
            code, said = witness(copy, script, fault[0].startswith("src/"))
            caught = code != 0 and re.search(says, said)
            print(f"{'caught' if caught else 'MISSED'}: {name}", flush=True)
            if not caught:
                print(said[-3000:], flush=True)
                missed.append(name)
    sys.exit(f"missed: {missed}" if missed else 0)


if __name__ == "__main__":
    main()
