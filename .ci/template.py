#!/usr/bin/env python3
"""Translates the template as AWS does, with the default parameters and with the other side of each condition.

usage: template.py TEMPLATE

CloudFormation runs the transform before it evaluates conditions; neither `sam validate --lint` nor cfn-lint runs it.
"""
import json
import logging
import os
import pathlib
import re
import sys

os.environ["AWS_DEFAULT_REGION"] = "us-east-1"  # the translator reads the partition from it
logging.disable(logging.WARNING)

from cfnlint.api import ManualArgs, lint
from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

# SAM copies the function's UpdateReplacePolicy to all it makes of it, and only the version gets a DeletionPolicy too.
IGNORED = ["W3011"]
BOUNDARY = "arn:aws:iam::123456789012:policy/boundary"
TOPIC = "arn:aws:sns:us-east-1:123456789012:alarms"
BUS = "arn:aws:events:us-east-1:123456789012:event-bus/runs"
# The parameters that turn each condition to its other side.
OTHER_SIDE = {
    "HasReservedConcurrency": {"ReservedConcurrency": "10"},
    "HasPermissionsBoundary": {"PermissionsBoundary": BOUNDARY},
    "SetsRunLogRetention": {"RunLogRetentionInDays": "30"},
    "TimesRunsOut": {"RunTimeoutInHours": "24"},
    "ExpiresRuns": {"RunRetentionInDays": "90"},
    "SendsRunEvents": {"RunEventBus": BUS},
    "RollsBack": {"RollBackOnAlarm": "false"},
    "HasAlarmTopic": {"AlarmTopicArn": TOPIC},
}


class NoManagedPolicies:
    def load(self):
        return {}


def translate(text, parameters):
    template = yaml_parse(text)
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = "s3://bucket/key"  # as sam deploy leaves it
    try:
        return transform(template, dict(parameters), NoManagedPolicies())
    except InvalidDocumentException as error:
        sys.exit(f"{parameters}: SAM cannot translate the template: {error.message} {[e.message for e in error.causes]}")


class Stack:
    """A translated template with its parameters and conditions resolved. What only AWS knows stays as it is."""

    def __init__(self, template, parameters):
        defaults = {name: str(parameter["Default"]) for name, parameter in template["Parameters"].items()}
        self.parameters = {**defaults, **parameters}
        self.declared = template["Conditions"]
        self.conditions = {name: self.resolve(condition) for name, condition in self.declared.items()}
        resources = {name: r for name, r in template["Resources"].items() if self.conditions.get(r.get("Condition"), True)}
        self.resources = self.resolve(resources)

    def resolve(self, value):
        """A value without intrinsic functions on parameters and conditions; None for AWS::NoValue."""
        if isinstance(value, list):
            return [item for item in map(self.resolve, value) if item is not None]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            [(function, argument)] = value.items()
            if function == "Ref":
                return None if argument == "AWS::NoValue" else self.parameters.get(argument, value)
            if function == "Fn::If":
                return self.resolve(argument[1] if self.conditions[argument[0]] else argument[2])
            if function == "Condition" and isinstance(argument, str):
                return self.resolve(self.declared[argument])
            if function == "Fn::Sub" and isinstance(argument, str):
                known = lambda match: self.parameters.get(match[1], match[0])
                return {"Fn::Sub": re.sub(r"\$\{(\w+)\}", known, argument)}
            if function == "Fn::Equals":
                return len({str(self.resolve(side)) for side in argument}) == 1
            if function in ("Fn::Not", "Fn::And", "Fn::Or"):
                sides = [self.resolve(side) for side in argument]
                return {"Fn::Not": not sides[0], "Fn::And": all(sides), "Fn::Or": any(sides)}[function]
        resolved = {key: self.resolve(item) for key, item in value.items()}
        return {key: item for key, item in resolved.items() if item is not None}

    def all(self, kind):
        """The properties of the resources of a type, by logical id."""
        return {name: r.get("Properties", {}) for name, r in self.resources.items() if r["Type"] == kind}

    def one(self, kind):
        [found] = self.all(kind).items()
        return found

    def on(self, condition, value):
        return value if self.conditions[condition] else None


def check(what, holds, seen):
    if not holds:
        sys.exit(f"{what}: {seen}")


def check_versions(stack):
    version, properties = stack.one("AWS::Lambda::Version")
    policies = [stack.resources[version].get(policy) for policy in ("DeletionPolicy", "UpdateReplacePolicy")]
    check("a version outlives its replacement", policies == ["Retain", "Retain"], stack.resources[version])
    _, alias = stack.one("AWS::Lambda::Alias")
    published = {"Fn::GetAtt": [version, "Version"]}
    check("the alias is live and has the version", (alias["Name"], alias["FunctionVersion"]) == ("live", published), alias)
    return version, properties["Description"]["Fn::Sub"]


def check_api(stack, events):
    _, api = stack.one("AWS::ApiGateway::RestApi")
    alias, _ = stack.one("AWS::Lambda::Alias")
    routes = set()
    for path, methods in api["Body"]["paths"].items():
        for method, route in methods.items():
            name = "ANY" if method == "x-amazon-apigateway-any-method" else method.upper()
            routes.add((name, path))
            check(f"{name} {path} wants a signature", route["security"] == [{"AWS_IAM": []}], route)
            integration = route["x-amazon-apigateway-integration"]
            invoked = re.search(r"functions/\$\{(\w+)\}/invocations$", integration["uri"]["Fn::Sub"])[1]
            check(f"{name} {path} invokes the alias", (invoked, integration["type"]) == (alias, "aws_proxy"), integration)
    scheme = api["Body"]["components"]["securitySchemes"]["AWS_IAM"]["x-amazon-apigateway-authtype"]
    check("AWS_IAM is a signature", scheme == "awsSigv4", scheme)
    declared = {(event["Properties"]["Method"], event["Properties"]["Path"]) for event in events.values()}
    check("the API has the events' routes and no others", routes == declared, routes ^ declared)
    permissions = stack.all("AWS::Lambda::Permission")
    for name, permission in permissions.items():
        seen = (permission["FunctionName"], permission["Principal"], "SourceArn" in permission)
        expected = ({"Ref": alias}, "apigateway.amazonaws.com", True)
        check(f"{name} lets this API invoke the alias", seen == expected, permission)
    check("each route has a permission", len(permissions) == len(routes), permissions)


def check_stream(stack):
    """The table's stream, and its two readers."""
    table, _ = stack.one("AWS::DynamoDB::Table")
    stream = {"Fn::GetAtt": [table, "StreamArn"]}
    functions = stack.all("AWS::Lambda::Function")
    check("there are two functions", set(functions) == {"WorkflowRunsFunction", "CleanupFunction"}, functions)
    # What SAM builds an artifact from; sam build leaves the code of both in one place.
    same = [{key: function[key] for key in ("Code", "Handler", "Runtime", "Architectures")} for function in functions.values()]
    check("both are the same artifact", same[0] == same[1], same)
    cleanup = functions["CleanupFunction"]
    seen = (cleanup["Timeout"], cleanup["Environment"]["Variables"], cleanup["Role"])
    expected = (300, {"TABLE_NAME": {"Ref": table}}, {"Fn::GetAtt": ["CleanupRole", "Arn"]})
    check("the cleanup function has its time, its table and its role", seen == expected, cleanup)
    check("its log is not that of requests", cleanup["LoggingConfig"] != functions["WorkflowRunsFunction"]["LoggingConfig"], cleanup)
    name, mapping = stack.one("AWS::Lambda::EventSourceMapping")
    expected = {
        "EventSourceArn": stream, "FunctionName": {"Ref": "CleanupFunction"}, "StartingPosition": "TRIM_HORIZON", "BatchSize": 1,
        "ParallelizationFactor": 2, "MaximumRetryAttempts": -1, "MaximumRecordAgeInSeconds": 21600,
        "MetricsConfig": {"Metrics": ["EventCount"]}, "FilterCriteria": mapping["FilterCriteria"],
    }
    check("the mapping repeats a record for six hours", mapping == expected, mapping)
    dropped = stack.all("AWS::CloudWatch::Alarm")["CleanupDroppedAlarm"]["Dimensions"]
    check("an alarm watches the mapping", dropped == [{"Name": "EventSourceMappingUUID", "Value": {"Ref": name}}], dropped)
    pipes = stack.all("AWS::Pipes::Pipe")
    check("there is a pipe if there is a bus", len(pipes) == stack.conditions["SendsRunEvents"], pipes)
    for pipe in pipes.values():
        check("the pipe leads from the stream to the bus", (pipe["Source"], pipe["Target"]) == (stream, BUS), pipe)
        check("the pipe has no name", "Name" not in pipe, pipe)
        role = json.dumps(stack.resources["RunEventsRole"])
        check("its role may send to that bus alone", role.count(BUS) == 1 and role.count("events:PutEvents") == 1, role)


def check_parameters(stack):
    """Each condition, and what it decides."""
    roles = stack.all("AWS::IAM::Role")
    expected = {"WorkflowRunsRole", "CleanupRole", "DeploymentRole"} | ({"RunEventsRole"} if stack.conditions["SendsRunEvents"] else set())
    check("SAM adds no role", set(roles) == expected, roles)
    for name, role in roles.items():
        boundary = stack.on("HasPermissionsBoundary", BOUNDARY)
        check(f"{name} has the boundary", role.get("PermissionsBoundary") == boundary, role)
    function = stack.all("AWS::Lambda::Function")["WorkflowRunsFunction"]
    variables = {
        "TABLE_NAME": {"Ref": stack.one("AWS::DynamoDB::Table")[0]},
        "RUN_LOG_RETENTION_DAYS": stack.on("SetsRunLogRetention", "30"),
        "RUN_TIMEOUT_HOURS": stack.on("TimesRunsOut", "24"),
        "RUN_RETENTION_DAYS": stack.on("ExpiresRuns", "90"),
    }
    expected = {name: value for name, value in variables.items() if value is not None}
    seen = function["Environment"]["Variables"]
    check("the function has its variables", seen == expected, seen)
    concurrency = function.get("ReservedConcurrentExecutions")
    check("concurrency is reserved", concurrency == stack.on("HasReservedConcurrency", "10"), concurrency)
    policy = json.dumps(roles["WorkflowRunsRole"]["Policies"])
    check("the role sets retention", ("logs:PutRetentionPolicy" in policy) == stack.conditions["SetsRunLogRetention"], policy)
    alarms = stack.all("AWS::CloudWatch::Alarm")
    for name, alarm in alarms.items():
        seen = [alarm.get("AlarmActions"), alarm.get("OKActions")]
        check(f"{name} tells the topic", seen == [stack.on("HasAlarmTopic", [TOPIC])] * 2, alarm)
    dashboard = json.dumps(stack.one("AWS::CloudWatch::Dashboard")[1])
    missing = [name for name in alarms if f"${{{name}.Arn}}" not in dashboard]
    check("the dashboard has every alarm", not missing, missing)
    unknown = {name for name in re.findall(r"\$\{(\w+Alarm)\.Arn\}", dashboard) if name not in alarms}
    check("the dashboard has no other alarm", not unknown, unknown)
    _, group = stack.one("AWS::CodeDeploy::DeploymentGroup")
    check("deployments have the stack's role", group["ServiceRoleArn"] == {"Fn::GetAtt": ["DeploymentRole", "Arn"]}, group)
    stops = group.get("AlarmConfiguration", {})
    if stack.conditions["RollsBack"]:
        names = {alarm["Name"]["Ref"] for alarm in stops["Alarms"]}
        check("alarms stop a deployment", stops["Enabled"] is True and names and names <= alarms.keys(), stops)
    else:
        # CodeDeploy refuses an enabled configuration without alarms (InvalidAlarmConfigException).
        check("no alarm stops a deployment", not stops.get("Enabled") and not stops.get("Alarms"), stops)


def check_documented_stacks():
    """The stacks in examples/."""
    stacks = list((pathlib.Path(__file__).resolve().parent.parent / "examples").glob("*.yaml"))
    check("there is a stack among the examples", stacks, stacks)
    for stack in stacks:
        errors = lint(stack.read_text(), config=ManualArgs(regions=["us-east-1"]))
        check(f"cfn-lint accepts {stack.name}", not errors, [str(error) for error in errors])


def main():
    with open(sys.argv[1]) as file:
        text = file.read()
    source = yaml_parse(text)
    events = source["Resources"]["WorkflowRunsFunction"]["Properties"]["Events"]
    default, published = None, {}
    for parameters in [{}, *OTHER_SIDE.values()]:
        template = translate(text, parameters)
        errors = lint(json.dumps(template), config=ManualArgs(regions=["us-east-1"], ignore_checks=IGNORED))
        check(f"{parameters}: cfn-lint accepts the result", not errors, [str(error) for error in errors])
        stack = Stack(template, parameters)
        default = default or stack
        turned = {name for name, side in stack.conditions.items() if side != default.conditions[name]}
        expected = {name for name, values in OTHER_SIDE.items() if values == parameters}
        check(f"{parameters} turns its condition and no other", turned == expected, turned)
        version = check_versions(stack)
        check_api(stack, events)
        check_stream(stack)
        check_parameters(stack)
        # Lambda publishes no second version of the same configuration. Reserved concurrency is not part of it.
        function = stack.all("AWS::Lambda::Function")["WorkflowRunsFunction"]
        configuration = {**function, "ReservedConcurrentExecutions": None}
        known = published.setdefault(json.dumps(configuration, sort_keys=True), version)
        check(f"{parameters}: the same configuration keeps its version", known == version, version)
        print(f"ok: {parameters or 'defaults'}")
    check("each configuration has a version of its own", len(set(published.values())) == len(published), published)
    check_documented_stacks()
    check("both sides of each condition are tried", set(OTHER_SIDE) == set(source["Conditions"]), set(source["Conditions"]))


if __name__ == "__main__":
    main()
