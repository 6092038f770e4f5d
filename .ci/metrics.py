"""CloudWatch makes metrics of the function's lines: are they in its embedded metric format, and is each metric that the
template's alarms and dashboard ask for among them?

The format: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html,
the limits of a metric: PutMetricData in the API reference of CloudWatch.
"""
import json
import re
import time

import jsonschema
from samtranslator.yaml_helper import yaml_parse

from support import ROOT, check

NAMESPACE = "WorkflowRuns"
UNITS = ["Seconds", "Microseconds", "Milliseconds", "Bytes", "Kilobytes", "Megabytes", "Gigabytes", "Terabytes", "Bits", "Kilobits",
         "Megabits", "Gigabits", "Terabits", "Percent", "Count", "Bytes/Second", "Kilobytes/Second", "Megabytes/Second",
         "Gigabytes/Second", "Terabytes/Second", "Bits/Second", "Kilobits/Second", "Megabits/Second", "Gigabits/Second",
         "Terabits/Second", "Count/Second", "None"]
NAME = {"type": "string", "minLength": 1, "maxLength": 1024}
METADATA = {
    "type": "object", "required": ["Timestamp", "CloudWatchMetrics"], "additionalProperties": False,
    "properties": {
        "Timestamp": {"type": "integer"},
        "CloudWatchMetrics": {"type": "array", "items": {
            "type": "object", "required": ["Namespace", "Dimensions", "Metrics"], "additionalProperties": False,
            "properties": {
                "Namespace": {"type": "string", "pattern": r"^[0-9A-Za-z.\-_/#:]{1,255}$"},
                "Dimensions": {"type": "array", "minItems": 1, "items": {
                    "type": "array", "minItems": 1, "maxItems": 30, "uniqueItems": True,
                    "items": {"type": "string", "pattern": r"^[!-9;-~][!-~]{0,249}$"}}},
                "Metrics": {"type": "array", "minItems": 1, "maxItems": 100, "items": {
                    "type": "object", "required": ["Name"], "additionalProperties": False,
                    "properties": {"Name": NAME, "Unit": {"enum": UNITS}, "StorageResolution": {"enum": [1, 60]}}}},
            },
        }},
    },
}
LARGEST_LINE = 262_144
TWO_WEEKS, TWO_HOURS = 14 * 24 * 3600, 2 * 3600


def faults(line):
    """What keeps CloudWatch from making metrics of a line with `_aws`."""
    yield from (error.message for error in jsonschema.Draft202012Validator(METADATA).iter_errors(line["_aws"]))
    age = time.time() - line["_aws"]["Timestamp"] / 1000
    if not -TWO_HOURS < age < TWO_WEEKS:
        yield f"its age is {age} s"
    if len(json.dumps(line).encode()) > LARGEST_LINE:
        yield "its size"
    for directive in line["_aws"]["CloudWatchMetrics"]:
        for metric in directive["Metrics"]:
            value = line.get(metric["Name"])
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                yield f"{metric['Name']} is {value!r}"
        for dimension in {name for names in directive["Dimensions"] for name in names}:
            value = line.get(dimension)
            if not isinstance(value, str) or not re.fullmatch(r"(?=.*[!-~])[ -~]{1,1024}", value):
                yield f"{dimension} is {value!r}"


def made_of(line):
    """The metrics that CloudWatch makes of a line: name and dimensions with their values."""
    for directive in line["_aws"]["CloudWatchMetrics"]:
        for metric in directive["Metrics"]:
            for names in directive["Dimensions"]:
                yield directive["Namespace"], metric["Name"], frozenset((name, line[name]) for name in names)


def shorthand(rows):
    """The rows of a widget without the dashboard's abbreviations: `.` repeats one value, `...` all up to the rest."""
    previous = []
    for row in rows:
        row = [value for value in row if not isinstance(value, dict)]
        if row and row[0] == "...":
            row = previous[:len(previous) - len(row) + 1] + row[1:]
        row = [previous[place] if value == "." else value for place, value in enumerate(row)]
        previous = row
        yield row


def asked_for(function_name):
    """What the template asks for: the metrics of this namespace with their dimensions, and the searches with their names."""
    resources = yaml_parse((ROOT / "template.yaml").read_text())["Resources"]
    named = lambda value: function_name if value == {"Ref": "WorkflowRunsFunction"} else value
    metrics, searches = {}, {}
    for name, resource in resources.items():
        properties = resource["Properties"]
        if resource["Type"] == "AWS::CloudWatch::Alarm":
            stats = [query["MetricStat"]["Metric"] for query in properties.get("Metrics", []) if "MetricStat" in query]
            for metric in stats or [properties]:
                if metric["Namespace"] == NAMESPACE:
                    dimensions = frozenset((d["Name"], named(d["Value"])) for d in metric["Dimensions"])
                    metrics[NAMESPACE, metric["MetricName"], dimensions] = name
        if resource["Type"] == "AWS::CloudWatch::Dashboard":
            body, variables = properties["DashboardBody"]["Fn::Sub"]
            for variable in variables:
                body = body.replace(f"${{{variable}}}", "")
            body = body.replace("${WorkflowRunsFunction}", function_name)
            for widget in json.loads(body)["widgets"]:
                rows = widget["properties"].get("metrics", [])
                for row in rows:
                    for expression in (value["expression"] for value in row if isinstance(value, dict) and "expression" in value):
                        found = re.fullmatch(r"""SEARCH\('\{(\w+),([^}]+)\} MetricName="(\w+)" "([^"]+)"', '\w+', \d+\)""", expression)
                        check(f"the dashboard's search reads as one: {expression}", found)
                        names = frozenset(name.strip('"') for name in found[2].split(","))
                        searches[found[1], found[3], names] = widget["properties"]["title"]
                for row in shorthand(rows):
                    if row and row[0] == NAMESPACE:
                        pairs = frozenset(zip(row[2::2], row[3::2], strict=True))
                        metrics[NAMESPACE, row[1], pairs] = widget["properties"]["title"]
    return metrics, searches


def check_lines(lines, function_name="workflow-runs"):
    """Every line of a request makes its metrics, and all the metrics that the template asks for are made."""
    requests = [line for line in lines if line.get("message") == "request"]
    embedded = [line for line in lines if "_aws" in line]
    check(f"each of {len(requests)} requests has metrics in its line", requests and all("_aws" in line for line in requests))
    wrong = [(fault, line) for line in embedded for fault in faults(line)]
    check(f"{len(embedded)} lines are in the embedded metric format and within CloudWatch's limits", not wrong, wrong[:3])
    made = {metric for line in embedded for metric in made_of(line)}
    metrics, searches = asked_for(function_name)
    missing = {metric: where for metric, where in metrics.items() if metric not in made}
    check(f"all {len(metrics)} metrics of alarms and dashboard occur", metrics and not missing, missing)
    shapes = {(namespace, name, frozenset(name for name, _ in dimensions)) for namespace, name, dimensions in made}
    missing = {search: where for search, where in searches.items() if search not in shapes}
    check(f"the dashboard's {len(searches)} searches find metrics", searches and not missing, missing)
    shown = {value for _, _, dimensions in metrics for name, value in dimensions if name == "outcome"}
    seen = {line["outcome"] for line in requests}
    check("the dashboard shows every outcome", shown == seen, shown ^ seen)
