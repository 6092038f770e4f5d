#!/usr/bin/env python3
"""The whole stack on ministack, a stand-in for AWS that checks signatures and policies: `sam deploy`, a run's life through
the API, callers with the documented policies, clients of all kinds, parameters that are rejected, an update, the removal.

usage: stack.py TEMPLATE CONSOLE CLIENT MINISTACK_PYTHON NOVA_ACT_PYTHON

TEMPLATE is what `sam build` has left, CONSOLE the console, CLIENT the example of a client in Rust. The others are the Pythons of
the virtual environments for ministack and the Nova Act SDK. The template is patched where ministack lacks something; each patch is
left out first to see that it is needed.
"""
import contextlib
import copy
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

os.environ["AWS_DEFAULT_REGION"] = "us-east-1"  # the translator reads the partition from it

import boto3
import botocore.auth
import botocore.awsrequest
import botocore.config
import botocore.credentials
import botocore.exceptions
import parliament
from samtranslator.yaml_helper import yaml_parse

import metrics
from support import CREDENTIALS, REGION, ROOT, check, free_port, http_call, process, wait_for

TEMPLATE, CONSOLE, CLIENT, MINISTACK_PYTHON, NOVA_ACT_PYTHON = sys.argv[1:]
ACCOUNT, STACK = "123456789012", "workflow-runs"
LOG = ROOT / "target/ministack.log"
# ministack takes this key for the account's root user's.
ROOT_KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": REGION}
RUN = "00000000-0000-4000-8000-000000000000"
START = {"modelId": "nova-act-latest", "clientInfo": {"compatibilityVersion": 1}}
# The operations, each with who may call it, its route and a request that harms nothing.
OPERATIONS = {
    "CreateWorkflowDefinition": ("Administrators", "PUT", "/workflow-definitions", {"name": "matrix"}),
    "GetWorkflowDefinition": ("Readers", "GET", "/workflow-definitions/nobody", None),
    "ListWorkflowDefinitions": ("Readers", "POST", "/workflow-definitions", {}),
    "DeleteWorkflowDefinition": ("Administrators", "DELETE", "/workflow-definitions/nobody", None),
    "CreateWorkflowRun": ("Runners", "PUT", "/workflow-definitions/nobody/workflow-runs", START),
    "GetWorkflowRun": ("Readers", "GET", f"/workflow-definitions/nobody/workflow-runs/{RUN}", None),
    "ListWorkflowRuns": ("Readers", "POST", "/workflow-definitions/nobody/workflow-runs", {}),
    "UpdateWorkflowRun": ("Runners", "PUT", f"/workflow-definitions/nobody/workflow-runs/{RUN}", {"status": "FAILED"}),
    "DeleteWorkflowRun": ("Administrators", "DELETE", f"/workflow-definitions/nobody/workflow-runs/{RUN}", None),
}
# Values that each parameter with a constraint rejects, by its pattern, its values or its bounds, and those that a rule rejects.
REJECTED = [
    {"Architecture": "riscv64"}, {"LogGroupPrefix": "/with space/"}, {"LogGroupPrefix": ""}, {"RunLogRetentionInDays": "2"},
    {"RunTimeoutInHours": "8761"}, {"RunTimeoutInHours": "1.5"}, {"RunTimeoutInHours": "-1"}, {"RunTimeoutInHours": ""},
    {"RunRetentionInDays": "3654"}, {"RunRetentionInDays": "1.5"}, {"RunRetentionInDays": ""}, {"RunEventBus": "default"},
    {"LogRetentionInDays": "0"}, {"ReservedConcurrency": "-2"}, {"ThrottlingRateLimit": "0"}, {"ThrottlingBurstLimit": "0"},
    {"PermissionsBoundary": "boundary"}, {"RollBackOnAlarm": "yes"},
    {"LogGroupPrefix": "*", "RunLogRetentionInDays": "30"},
]


@contextlib.contextmanager
def ministack():
    """Yields its URL."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory() as scratch, LOG.open("w") as log:
        # IoT would listen on a port of its own. The function reaches its AWS through AWS_ENDPOINT_URL.
        variables = {"AUTH": "true", "GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1", "MINISTACK_HOST": "127.0.0.1",
                     "MINISTACK_ACCOUNT_ID": ACCOUNT, "AWS_ENDPOINT_URL": url, "IOT_MTLS_ENABLED": "0", "LAMBDA_EXECUTOR": "local",
                     "TMPDIR": scratch, "STATE_DIR": f"{scratch}/state", "S3_DATA_DIR": f"{scratch}/s3"}
        command = [MINISTACK_PYTHON, str(ROOT / ".ci/stand_in.py")]
        with process(*command, stdout=log, stderr=subprocess.STDOUT, **variables) as child:
            wait_for(port, child, LOG.read_text)
            try:
                yield url
            except BaseException:
                print(LOG.read_text()[-5000:], file=sys.stderr)
                raise


def without_code_deploy(template):
    """It has no CodeDeploy: a new version gets all requests at once."""
    for resource in template["Resources"].values():
        resource["Properties"].pop("DeploymentPreference", None)


def without_metric_math(template):
    """Its alarms watch one metric: of a computed one, the first that it is computed from."""
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::CloudWatch::Alarm" and "Metrics" in resource["Properties"]:
            queries = resource["Properties"].pop("Metrics")
            stat = next(query["MetricStat"] for query in queries if "MetricStat" in query)
            resource["Properties"].update(stat["Metric"], Period=stat["Period"], Statistic="Sum")


# What ministack says without the patch.
PATCHES = {without_code_deploy: "Unrecognized resource types", without_metric_math: r"Properties\.Metrics \(metric math\) is not supported"}


class Operator:
    """Deploys the stack, as root of the account."""

    def __init__(self, url):
        self.url = url
        client = lambda service: boto3.client(service, endpoint_url=url, region_name=REGION, aws_access_key_id="test",
                                              aws_secret_access_key="test", config=botocore.config.Config(proxies={}))
        self.cloudformation, self.iam, self.functions = client("cloudformation"), client("iam"), client("lambda")
        self.tables, self.logs, self.events, self.pipes = client("dynamodb"), client("logs"), client("events"), client("pipes")

    def sam_deploy(self, template, stack=STACK):
        """`sam deploy`, with the options that spare the questions of --guided."""
        file = pathlib.Path(TEMPLATE).with_name("patched.json")
        file.write_text(json.dumps(template))
        command = ["sam", "deploy", "--config-file", ROOT / "samconfig.toml", "--template-file", file, "--stack-name", stack,
                   "--no-confirm-changeset"]
        environment = {**os.environ, **ROOT_KEYS, "AWS_ENDPOINT_URL": self.url, "NO_PROXY": "127.0.0.1", "SAM_CLI_TELEMETRY": "0"}
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)

    def stack(self):
        return self.cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]

    def outputs(self):
        return {output["OutputKey"]: output["OutputValue"] for output in self.stack()["Outputs"]}

    def resource(self, name):
        """The physical id of the resource of this name in the template."""
        resources = self.cloudformation.describe_stack_resources(StackName=STACK)["StackResources"]
        [found] = [resource["PhysicalResourceId"] for resource in resources if resource["LogicalResourceId"] == name]
        return found

    def policies(self):
        """The inline policies of the stack's roles, as IAM has them."""
        resources = self.cloudformation.describe_stack_resources(StackName=STACK)["StackResources"]
        roles = {r["LogicalResourceId"]: r["PhysicalResourceId"] for r in resources if r["ResourceType"] == "AWS::IAM::Role"}
        for logical_id, role in roles.items():
            for name in self.iam.list_role_policies(RoleName=role)["PolicyNames"]:
                yield logical_id, self.iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]

    def update(self, **changed):
        """An update that changes parameters and nothing else."""
        known = [parameter["ParameterKey"] for parameter in self.stack()["Parameters"]]
        parameters = [{"ParameterKey": name, "ParameterValue": changed[name]} if name in changed else
                      {"ParameterKey": name, "UsePreviousValue": True} for name in known]
        self.cloudformation.update_stack(StackName=STACK, UsePreviousTemplate=True, Parameters=parameters,
                                         Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"])
        self.cloudformation.get_waiter("stack_update_complete").wait(StackName=STACK, WaiterConfig={"Delay": 1, "MaxAttempts": 120})

    def user(self, name, policy=None):
        """The keys of a new user with this policy."""
        self.iam.create_user(UserName=name)
        if policy:
            self.iam.put_user_policy(UserName=name, PolicyName=name, PolicyDocument=json.dumps(policy))
        key = self.iam.create_access_key(UserName=name)["AccessKey"]
        return botocore.credentials.Credentials(key["AccessKeyId"], key["SecretAccessKey"])


def check_patches(operator, template):
    """Each patch is needed: without it alone, the stack does not come up."""
    for patch, complaint in PATCHES.items():
        others = copy.deepcopy(template)
        for other in PATCHES:
            if other is not patch:
                other(others)
        done = operator.sam_deploy(others, patch.__name__.replace("_", "-"))
        said = done.stdout + done.stderr
        refused = done.returncode != 0 and re.search(complaint, re.sub(r"\s+", " ", said))
        check(f"ministack needs the template {patch.__name__.replace('_', ' ')}", refused, said)


def deploy(operator, template):
    for patch in PATCHES:
        patch(template)
    done = operator.sam_deploy(template)
    check("sam deploy", done.returncode == 0, done.stdout + done.stderr)
    return operator.outputs()


def check_rejected(operator, template):
    constrained = {name for name, parameter in template["Parameters"].items()
                   if {"AllowedValues", "AllowedPattern", "MinValue", "MaxValue"} & parameter.keys()}
    tried = {name for parameters in REJECTED for name in parameters}
    check("each parameter with a constraint is tried", tried == constrained, tried ^ constrained)
    for parameters in REJECTED:
        try:
            operator.update(**parameters)
            seen = "accepted"
        except botocore.exceptions.ClientError as error:
            seen = error.response["Error"]
        except botocore.exceptions.WaiterError as error:
            seen = str(error)
        reasons = [*parameters, *(a["AssertDescription"] for rule in template["Rules"].values() for a in rule["Assertions"])]
        named = isinstance(seen, dict) and any(reason in seen["Message"] for reason in reasons)
        check(f"{parameters} is rejected", named and seen["Code"] == "ValidationError", seen)


def documented_policies(api):
    """The policies in examples/policies/, for this API."""
    found = {file.stem.capitalize(): file.read_text() for file in (ROOT / "examples/policies").glob("*.json")}
    filled = {"REGION": REGION, "ACCOUNT": ACCOUNT, "API_ID": api}
    return {role: json.loads(re.sub("|".join(filled), lambda name: filled[name[0]], policy)) for role, policy in found.items()}


def check_policies(policies):
    """parliament knows the actions of AWS, which resources each has, and which condition keys."""
    for name, policy in policies:
        # It takes the colons in a stream's label for those of an ARN.
        text = re.sub(r"(?<=/stream/)[0-9T:.Z-]+", "label", json.dumps(policy))
        findings = [str(finding) for finding in parliament.analyze_policy_string(text).findings]
        check(f"parliament finds nothing in the policy of {name}", not findings, (findings, policy))


def send(url, credentials, method, path, body, service="execute-api", **headers):
    """A signed request: the status and the body of its response."""
    data = None if body is None else json.dumps(body).encode()
    request = botocore.awsrequest.AWSRequest(method, url + path, data=data, headers={"content-type": "application/json", **headers})
    if credentials:
        botocore.auth.SigV4Auth(credentials, service, REGION).add_auth(request)
    status, seen = http_call(url + path, data, dict(request.headers), method)
    return status, json.loads(seen or b"{}")


def check_callers(operator, url, policies):
    callers = {role: operator.user(role, policy) for role, policy in policies.items()}
    nobody = operator.user("nobody")
    wrong = botocore.credentials.Credentials(callers["Runners"].access_key, "a" * 40)
    for operation, (allowed, method, path, body) in OPERATIONS.items():
        for caller, credentials in {**callers, "a user without a policy": nobody, "a wrong secret": wrong, "nobody's signature": None}.items():
            status, seen = send(url, credentials, method, path, body)
            if caller == allowed:
                holds = status in (200, 201) or (status == 404 and seen["__type"] == "ResourceNotFoundException")
            else:
                # The function has a 403 of its own, which would hide a gateway that lets a request through.
                holds = status == 403 and re.search("not authorized to perform|signature|Authentication Token", seen["message"])
            check(f"{operation} is {'allowed' if caller == allowed else 'denied'} to {caller}", holds, (status, seen))
    check("there is a policy for every operation", set(policies) == {role for role, *_ in OPERATIONS.values()}, set(policies))


def documented_client():
    """The README's lines that make a boto3 client sign for API Gateway."""
    blocks = re.findall(r"^```python\n(.*?)^```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    block, = (block for block in blocks if "client.meta.events.register" in block)
    return re.search(r"^client\.meta\.events\.register\(.*?^\)$", block, re.MULTILINE | re.DOTALL)[0]


def check_life(operator, url, policies):
    """A run's life by boto3, and the function's own role, which ministack checks with each call of the function."""
    everything = {"Version": "2012-10-17", "Statement": [s for policy in policies.values() for s in policy["Statement"]]}
    keys = operator.user("everything", everything)
    client = boto3.client("nova-act", endpoint_url=url, region_name=REGION, aws_access_key_id=keys.access_key,
                          aws_secret_access_key=keys.secret_key, config=botocore.config.Config(proxies={}, retries={"total_max_attempts": 1}))
    exec(documented_client(), {"client": client})
    client.create_workflow_definition(name="demo", description="from CI")
    seen = client.get_workflow_definition(workflowDefinitionName="demo")
    check("a definition is created in the account that signs", f":{ACCOUNT}:workflow-definition/demo" in seen["arn"], seen)
    demo = {"workflowDefinitionName": "demo"}
    create = lambda: client.create_workflow_run(**demo, **START, clientToken="a" * 36, logGroupName="/workflow-runs/demo")
    run = {**demo, "workflowRunId": create()["workflowRunId"]}
    check("a run is started once", create()["workflowRunId"] == run["workflowRunId"])
    groups = [group["logGroupName"] for group in operator.logs.describe_log_groups()["logGroups"]]
    check("its log group exists", "/workflow-runs/demo" in groups, groups)
    client.update_workflow_run(**run, status="SUCCEEDED")
    seen = client.get_workflow_run(**run)
    check("it ends", seen["status"] == "SUCCEEDED" and seen["endedAt"] >= seen["startedAt"], seen)
    seen = [summary["workflowRunId"] for summary in client.list_workflow_runs(**demo)["workflowRunSummaries"]]
    check("it is listed", seen == [run["workflowRunId"]], seen)
    seen = [summary["workflowDefinitionName"] for summary in client.list_workflow_definitions()["workflowDefinitionSummaries"]]
    check("its definition is listed", "demo" in seen, seen)
    try:
        seen = client.create_workflow_run(**demo, **START, logGroupName="/aws/lambda/taken")
    except client.exceptions.AccessDeniedException as error:
        seen = error.response
    check("a log group outside the prefix is denied to the role", seen["ResponseMetadata"]["HTTPStatusCode"] == 403, seen)
    check("the run is deleted", client.delete_workflow_run(**run)["status"] == "DELETING")
    status, seen = send(url, keys, "PATCH", "/workflow-definitions/demo", {})
    check("a method that the API lacks is denied to callers with policies for routes", status == 403, (status, seen))
    return client


def check_clients(operator, url):
    """API Gateway's check of signatures is the stand-in's here; the clients' other work is artifact.py's."""
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "*"}]}
    keys = operator.user("clients", policy)
    variables = {**CREDENTIALS, "AWS_ACCESS_KEY_ID": keys.access_key, "AWS_SECRET_ACCESS_KEY": keys.secret_key}

    def run(what, *command, **more):
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **variables, **more})
        check(what, done.returncode == 0, done.stdout + done.stderr)
        return done.stdout

    status, seen = send(url, keys, "POST", "/workflow-definitions", {}, "nova-act")
    check("a signature for nova-act is rejected", status == 403 and "execute-api" in seen["message"], (status, seen))
    status, seen = send(url, keys, "POST", "/workflow-definitions", {}, "nova-act", **{"x-ministack-alone": "true"})
    check("ministack alone would take it", status == 200, (status, seen))

    run_id = run("aws-sdk-novaact starts a run", CLIENT, url, "demo", "start").strip()
    run("and ends it", CLIENT, url, "demo", "end", run_id, "FAILED")
    listed = run("and lists it", CLIENT, url, "demo", "list")
    check("as failed", re.search(rf"{run_id}.*FAILED|FAILED.*{run_id}", listed), listed)
    with process(CONSOLE, url, "--port", "0", "--region", REGION, **variables) as console:
        address = re.search(r"http://\S+?(?=/?$)", console.stdout.readline().strip()).group()
        command = ["nova-act", "list-workflow-runs", "--workflow-definition-name", "demo", "--endpoint-url", address]
        listed = run("the AWS CLI lists runs through the console", "aws", *command)
        check("the same one", run_id in listed, listed)
        print(run("the Nova Act SDK, and its command line through the console", NOVA_ACT_PYTHON, ROOT / ".ci/nova_act_sdk.py", url, address))


def check_log(operator):
    """The function's lines are where the stack's queries and its dashboard look for them."""
    function = operator.resource("WorkflowRunsFunction")
    events = operator.logs.filter_log_events(logGroupName=f"/aws/lambda/{STACK}")["events"]
    lines = [json.loads(event["message"]) for event in events if event["message"].startswith("{")]
    wrong = [line for line in lines if line["function_name"] != function or [*metrics.faults(line)]]
    check(f"{len(lines)} lines in the function's log group carry metrics of this function", lines and not wrong, wrong[:3])


def check_other_paths(operator, url):
    """For whoever may call everything, all that is no operation comes to the function's own 404."""
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "*"}]}
    keys = operator.user("anything", policy)
    for method, path in [("PATCH", "/workflow-definitions"), ("POST", "/workflow-definitions/demo"), ("DELETE", "/"), ("GET", "/prod/models"),
                         ("PATCH", f"/workflow-definitions/demo/workflow-runs/{RUN}"), ("GET", "/workflow-definitions/demo/workflow-runs")]:
        status, seen = send(url, keys, method, path, {} if method in ("PATCH", "POST") else None)
        check(f"{method} {path} is an unknown operation", (status, seen.get("__type")) == (404, "UnknownOperationException"), (status, seen))


def check_update(operator, client):
    function = operator.resource("WorkflowRunsFunction")

    def published():
        versions = operator.functions.list_versions_by_function(FunctionName=function)["Versions"]
        live = operator.functions.get_alias(FunctionName=function, Name="live")["FunctionVersion"]
        return {version["Version"]: version["Environment"]["Variables"] for version in versions if version["Version"] != "$LATEST"}, live

    before, old = published()
    operator.update(ThrottlingRateLimit="50")
    check("an update of the gateway publishes no version", published() == (before, old), published())
    operator.update(RunLogRetentionInDays="30", RunTimeoutInHours="24")
    after, new = published()
    check("an update of the function's settings publishes a version", new in after and new not in before, (before, after))
    check("it keeps the previous one, with the settings it had", after.get(old) == before[old], (before, after))
    seen = {name: after[new].get(name) for name in ("RUN_LOG_RETENTION_DAYS", "RUN_TIMEOUT_HOURS")}
    check("the alias has the new one, with the new settings", seen == {"RUN_LOG_RETENTION_DAYS": "30", "RUN_TIMEOUT_HOURS": "24"}, after)
    client.create_workflow_run(workflowDefinitionName="demo", **START, logGroupName="/workflow-runs/kept")
    [group] = operator.logs.describe_log_groups(logGroupNamePrefix="/workflow-runs/kept")["logGroups"]
    check("the new one may set the retention of log groups", group.get("retentionInDays") == 30, group)
    operator.functions.update_alias(FunctionName=function, Name="live", FunctionVersion=old)
    client.create_workflow_run(workflowDefinitionName="demo", **START, logGroupName="/workflow-runs/back")
    [group] = operator.logs.describe_log_groups(logGroupNamePrefix="/workflow-runs/back")["logGroups"]
    check("the alias can be pointed back", "retentionInDays" not in group, group)
    operator.functions.update_alias(FunctionName=function, Name="live", FunctionVersion=new)


def check_cleanup(operator, client, table):
    """The table's stream goes into the cleanup function, whose own role ministack checks with each of its calls."""
    demo = {"workflowDefinitionName": "cleanup"}
    client.create_workflow_definition(name="cleanup")
    runs = [client.create_workflow_run(**demo, **START)["workflowRunId"] for _ in range(3)]
    items = lambda: {item["pk"]["S"]: item for item in operator.tables.scan(TableName=table, ConsistentRead=True)["Items"]}
    keys = {f"run/{ACCOUNT}/{run}" for run in runs}
    definition = f"definition/{ACCOUNT}/cleanup"
    before = items()

    def wait(what, holds):
        for _ in range(120):
            if holds(now := items()):
                break
            time.sleep(0.5)
        check(what, holds(now), {pk: item for pk, item in now.items() if pk in keys or "generation" in pk or pk == definition})

    client.delete_workflow_definition(**demo)
    tombstones = lambda now: all(now[key]["status"]["S"] == "DELETING" and "startedAt" not in now[key] for key in keys)
    wait("the cleanup function deletes the runs of a deleted definition", tombstones)
    generation = f"generation/{before[definition]['definitionId']['S']}"
    wait("and then lets its name go", lambda now: generation in now and "goneAt" in now[definition])
    seen = client.list_workflow_runs(**demo)["workflowRunSummaries"]
    check("no run is listed any more", seen == [], seen)

    late = sorted(keys)[0]
    operator.tables.put_item(TableName=table, Item=before[late])
    operator.tables.delete_item(TableName=table, Key={"pk": {"S": generation}})  # as the time to live does
    wait("a run that was put late is deleted when its generation is removed", tombstones)
    events = operator.logs.filter_log_events(logGroupName=f"/aws/lambda/{STACK}-cleanup")["events"]
    lines = [json.loads(event["message"]) for event in events if event["message"].startswith("{")]
    seen = {line.get("message") for line in lines}
    check("its log has a line for each, and no error", seen == {"cleanup"}, lines)


def check_run_events(operator):
    """ministack's pipes deliver to other targets only: that this one is created is all that it shows."""
    bus = operator.events.create_event_bus(Name="runs")["EventBusArn"]
    operator.update(RunEventBus=bus)
    pipe = operator.pipes.describe_pipe(Name=operator.resource("RunEventsPipe"))
    check("with an event bus the stack has a pipe to it", (pipe["CurrentState"], pipe["Target"]) == ("RUNNING", bus), pipe)


def check_removal(operator, outputs):
    operator.cloudformation.delete_stack(StackName=STACK)
    operator.cloudformation.get_waiter("stack_delete_complete").wait(StackName=STACK, WaiterConfig={"Delay": 1, "MaxAttempts": 120})
    table = operator.tables.describe_table(TableName=outputs["TableName"])["Table"]
    check("the table stays, protected", table["TableStatus"] == "ACTIVE" and table["DeletionProtectionEnabled"], table)
    items = operator.tables.scan(TableName=outputs["TableName"])["Count"]
    check("with its items", items > 0, items)
    groups = {group["logGroupName"] for group in operator.logs.describe_log_groups()["logGroups"]}
    check("the log groups of runs stay", "/workflow-runs/demo" in groups, groups)
    check("no function stays", operator.functions.list_functions()["Functions"] == [])


def main():
    template = yaml_parse(pathlib.Path(TEMPLATE).read_text())
    with ministack() as aws_url:
        operator = Operator(aws_url)
        outputs = deploy(operator, copy.deepcopy(template))
        api = re.fullmatch(rf"https://(\w+)\.execute-api\.{REGION}\.amazonaws\.com/prod", outputs["Endpoint"])[1]
        # ministack finds an API by its path; a name for each would need a resolver.
        url = f"{aws_url}/_aws/execute-api/{api}/prod"
        policies = documented_policies(api)
        for role, output in [("Runners", "RunnerArns"), ("Readers", "ReaderArns"), ("Administrators", "AdministratorArns")]:
            [statement] = policies[role]["Statement"]
            check(f"the documented policy of {role} is the output {output}", statement["Resource"] == outputs[output].split(","), outputs)
        check_policies([*operator.policies(), *policies.items()])
        check_callers(operator, url, policies)
        client = check_life(operator, url, policies)
        check_other_paths(operator, url)
        check_clients(operator, url)
        check_log(operator)
        check_rejected(operator, template)
        check_update(operator, client)
        check_run_events(operator)
        check_policies(operator.policies())
        check_cleanup(operator, client, outputs["TableName"])
        check_removal(operator, outputs)
        check_patches(operator, template)


if __name__ == "__main__":
    main()
