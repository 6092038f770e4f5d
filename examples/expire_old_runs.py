"""Gives runs that started without a retention a time to live, with one write unit for each. It can be run again.

usage: expire_old_runs.py TABLE_NAME DAYS

DAYS is the stack's RunRetentionInDays. Needs boto3, and permission to scan the table and to update its items.
"""
import sys
from datetime import datetime

import boto3

TABLE, DAYS = sys.argv[1], int(sys.argv[2])

dynamodb = boto3.client("dynamodb")
runs = dynamodb.get_paginator("scan").paginate(
    TableName=TABLE,
    ProjectionExpression="pk, startedAt",
    FilterExpression="begins_with(pk, :run) AND attribute_exists(startedAt) AND attribute_not_exists(expiresAt)",
    ExpressionAttributeValues={":run": {"S": "run/"}},
)
for run in runs.search("Items[]"):
    expires_at = int(datetime.fromisoformat(run["startedAt"]["S"]).timestamp()) + (DAYS + 1) * 86_400
    try:
        dynamodb.update_item(
            TableName=TABLE,
            Key={"pk": run["pk"]},
            UpdateExpression="SET expiresAt = :at",
            ConditionExpression="startedAt = :started AND attribute_not_exists(expiresAt)",
            ExpressionAttributeValues={":started": run["startedAt"], ":at": {"N": str(expires_at)}},
        )
    except dynamodb.exceptions.ConditionalCheckFailedException:
        pass  # deleted meanwhile
