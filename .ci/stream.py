#!/usr/bin/env python3
"""What the readers of the table's stream get to see: the filters of template.yaml on the records of a whole life, and on
the events that come of them the rule of examples/failed-runs.yaml. examples/expire_old_runs.py gives runs a time to live.

usage: stream.py LOCAL

LOCAL is the local server; the records are those of its DynamoDB. moto decides what a pattern matches. What AWS does with
a pipe's input template is not documented in full; here its paths are replaced as texts.
"""
import datetime
import json
import os
import re
import subprocess
import sys
import time

import boto3
from moto.events.models import EventPattern
from samtranslator.yaml_helper import yaml_parse

from support import CREDENTIALS, ROOT, check, local_server

OPERATIONS = (ROOT / "docs/operations.md").read_text()
TABLE, DEFINITION = "workflow-runs", "life"
SECONDS_TO_DELETE = 60


class Life:
    """Whatever can happen to items, and the events that runs should send, in order."""

    def __init__(self, api, services):
        self.api = boto3.client("nova-act", endpoint_url=api)
        self.dynamodb = boto3.client("dynamodb", endpoint_url=services)
        self.streams = boto3.client("dynamodbstreams", endpoint_url=services)
        self.events = []
        table = self.dynamodb.describe_table(TableName=TABLE)["Table"]
        if "LatestStreamArn" not in table:
            specification = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
            self.dynamodb.update_table(TableName=TABLE, StreamSpecification=specification)
            table = self.dynamodb.describe_table(TableName=TABLE)["Table"]
        self.stream = table["LatestStreamArn"]

    def item(self, prefix, text=""):
        """The item whose key begins and ends like this."""
        pages = self.dynamodb.get_paginator("scan").paginate(TableName=TABLE, ConsistentRead=True)
        items = [item for page in pages for item in page["Items"]]
        found = [item for item in items if item["pk"]["S"].startswith(prefix) and item["pk"]["S"].endswith(text)]
        return found[0] if found else None

    def start(self, token, is_new=True):
        run = self.api.create_workflow_run(
            workflowDefinitionName=DEFINITION, clientToken=token.ljust(33, "0"), modelId='a "model"',
            clientInfo={"compatibilityVersion": 1}, logGroupName="/workflow-runs/life")["workflowRunId"]
        if is_new:
            self.events.append((run, "RUNNING"))
        return run

    def end(self, run, status, changes=True):
        self.api.update_workflow_run(workflowDefinitionName=DEFINITION, workflowRunId=run, status=status)
        if changes:
            self.events.append((run, status))

    def delete(self, run):
        self.api.delete_workflow_run(workflowDefinitionName=DEFINITION, workflowRunId=run)

    def expire(self, prefix, text=""):
        """As the time to live does, days late."""
        self.dynamodb.delete_item(TableName=TABLE, Key={"pk": self.item(prefix, text)["pk"]})

    def put(self, item, **changes):
        self.dynamodb.put_item(TableName=TABLE, Item={**item, **changes})

    def live(self):
        self.api.create_workflow_definition(name=DEFINITION, clientToken="definition".ljust(33, "0"))
        succeeded, failed, timed_out, deleted = (self.start(token) for token in ("a", "b", "c", "d"))
        self.start("a", is_new=False)
        self.end(succeeded, "RUNNING", changes=False)
        self.end(succeeded, "SUCCEEDED")
        self.end(succeeded, "SUCCEEDED", changes=False)
        self.end(failed, "FAILED")
        self.end(timed_out, "TIMED_OUT")
        # A retention is set, and somebody gives the runs that are there a time to live.
        for run in (deleted, failed):
            self.put(self.item("run/", run), expiresAt={"N": "4102444800"})
        for run in (deleted, succeeded):
            self.delete(run)
            self.delete(run)
        # The token is used again, once the tombstone has expired and once it is gone.
        self.put(self.item("run/", deleted), expiresAt={"N": "1"})
        assert self.start("d") == deleted
        self.expire("run/", succeeded)
        assert self.start("a") == succeeded
        # A run beyond the retention gives way to the next one with its token, or is removed.
        self.put(self.item("run/", failed), status={"S": "RUNNING"}, startedAt={"S": "2027-01-01T00:00:00.000Z"})
        self.events.append((failed, "RUNNING"))
        self.expire("run/", timed_out)
        self.expire("log-group/")
        self.delete_definition()

    def delete_definition(self):
        self.api.delete_workflow_definition(workflowDefinitionName=DEFINITION)
        for _ in range(SECONDS_TO_DELETE * 10):
            definition = self.item("definition/", f"/{DEFINITION}")
            if "goneAt" in definition:
                break
            time.sleep(0.1)
        else:
            sys.exit(f"the definition is still there: {definition}")
        self.expire("generation/", definition["definitionId"]["S"])
        self.expire("definition/", f"/{DEFINITION}")

    def records(self):
        """The stream's records, as Lambda and pipes get them."""
        [shard] = self.streams.describe_stream(StreamArn=self.stream)["StreamDescription"]["Shards"]
        iterator = self.streams.get_shard_iterator(
            StreamArn=self.stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
        while page := self.streams.get_records(ShardIterator=iterator):
            for record in page["Records"]:
                yield json.loads(json.dumps(record, default=lambda at: int(at.timestamp())))
            if not page["Records"]:
                return
            iterator = page["NextShardIterator"]


def kind(record):
    """A record in three words: what happened, to which kind of item, and its status before and after."""
    images = [record["dynamodb"].get(image, {}).get("status", {}).get("S") for image in ("OldImage", "NewImage")]
    return (record["eventName"], record["dynamodb"]["Keys"]["pk"]["S"].split("/")[0], *images)


def split(records, criteria):
    """The records that a filter lets through, and those that it does not."""
    patterns = [EventPattern.load(one["Pattern"]) for one in criteria["Filters"]]
    matches = [any(pattern.matches_event(record) for pattern in patterns) for record in records]
    through = [record for record, match in zip(records, matches) if match]
    return through, [record for record, match in zip(records, matches) if not match]


def transformed(record, template):
    def text(match):
        value = record
        for member in match[1].split("."):
            value = value[member]
        return value
    return json.loads(re.sub(r"<\$\.([\w.]+)>", text, template))


def check_rule(events):
    """The example's rule lets through the failed runs of its definition alone."""
    template = (ROOT / "examples/failed-runs.yaml").read_text()
    [rule] = [one for one in yaml_parse(template)["Resources"].values() if one["Type"] == "AWS::Events::Rule"]
    pattern = rule["Properties"]["EventPattern"]
    check("it is for one definition", pattern["detail"].pop("workflowDefinitionName") == ["invoices"], pattern)
    pattern["detail"]["workflowDefinitionName"] = [DEFINITION]
    rule = EventPattern.load(json.dumps(pattern))
    seen = [event["detail"]["status"] for event in events if rule.matches_event(event)]
    check("it lets failed runs through", seen == ["FAILED"], seen)
    [example] = [block for block in re.findall(r"^```json\n(.*?)^```$", OPERATIONS, re.MULTILINE | re.DOTALL) if "detail-type" in block]
    example = json.loads(example)
    alike = all({**event, "detail": list(event["detail"])} == {**example, "detail": list(example["detail"])} for event in events)
    check("the documented event is like those", alike, example)


def check_time_to_live(services):
    """The documented program gives each run a time to live, unless it has one."""
    dynamodb = boto3.client("dynamodb", endpoint_url=services)
    runs = {"run/1/old": {"startedAt": {"S": "2026-01-01T00:00:00.000Z"}}, "run/1/tombstone": {"status": {"S": "DELETING"}},
            "run/1/new": {"startedAt": {"S": "2026-01-01T00:00:00.000Z"}, "expiresAt": {"N": "1"}}}
    for key, item in runs.items():
        dynamodb.put_item(TableName=TABLE, Item={"pk": {"S": key}, **item})
    environment = {**os.environ, "AWS_ENDPOINT_URL_DYNAMODB": services}
    for _ in range(2):
        subprocess.run([sys.executable, ROOT / "examples/expire_old_runs.py", TABLE, "90"], check=True, env=environment)
    seen = {key: dynamodb.get_item(TableName=TABLE, Key={"pk": {"S": key}})["Item"].get("expiresAt", {}).get("N") for key in runs}
    ninety_one_days_later = str(int(datetime.datetime(2026, 4, 2, tzinfo=datetime.UTC).timestamp()))
    check("runs get a time to live", seen == {"run/1/old": ninety_one_days_later, "run/1/tombstone": None, "run/1/new": "1"}, seen)


def main():
    os.environ.update(CREDENTIALS)
    resources = yaml_parse((ROOT / "template.yaml").read_text())["Resources"]
    mapping = resources["CleanupFunction"]["Properties"]["Events"]["Stream"]["Properties"]
    pipe = resources["RunEventsPipe"]["Properties"]
    with local_server(sys.argv[1]) as urls:
        life = Life(*urls)
        life.live()
        records = list(life.records())
        check_time_to_live(urls[1])

    through, stopped = split(records, mapping["FilterCriteria"])
    started, deleted, gone = ("INSERT", "definition", None, "ACTIVE"), ("MODIFY", "definition", "ACTIVE", "DELETING"), \
        ("MODIFY", "definition", "DELETING", "DELETING")
    removed = [("REMOVE", "generation", None, None), ("REMOVE", "definition", "DELETING", None)]
    # `demo`, which the server creates, is older than the stream or not.
    seen = [kind(record) for record in through if not record["dynamodb"]["Keys"]["pk"]["S"].endswith("/demo")]
    check("the cleanup function gets definitions and generations that are removed", seen == [started, deleted, gone, *removed], seen)
    missing = {("INSERT", "run"), ("MODIFY", "run"), ("REMOVE", "run"), ("INSERT", "log-group"), ("REMOVE", "log-group"),
               ("INSERT", "generation")} - {kind(record)[:2] for record in stopped}
    check("and nothing else, though it happens", not missing, missing)

    through, stopped = split(records, pipe["SourceParameters"]["FilterCriteria"])
    details = [transformed(record, pipe["TargetParameters"]["InputTemplate"]) for record in through]
    seen = [(detail["workflowRunId"], detail["status"]) for detail in details]
    check("the event bus gets each start and each end, in order", seen == life.events, f"{seen}, expected {life.events}")
    missing = {("MODIFY", "run", "RUNNING", "RUNNING"), ("MODIFY", "run", "FAILED", "FAILED"),
               ("MODIFY", "run", "RUNNING", "DELETING"), ("MODIFY", "run", "SUCCEEDED", "DELETING"),
               ("MODIFY", "run", "DELETING", "DELETING"), ("REMOVE", "run", "DELETING", None),
               ("REMOVE", "run", "TIMED_OUT", None), deleted} - {kind(record) for record in stopped}
    check("and nothing else, though it happens", not missing, missing)
    members = ["accountId", "workflowDefinitionName", "workflowRunId", "status", "startedAt"]
    check("an event has these members", all(list(detail) == members for detail in details), details)
    target = pipe["TargetParameters"]["EventBridgeEventBusParameters"]
    check_rule([{"source": target["Source"], "detail-type": target["DetailType"], "detail": detail} for detail in details])


if __name__ == "__main__":
    main()
