#!/bin/sh
# Creates what template.yaml deploys for the API's two functions: their table, logs, code and stream. It needs cargo-lambda
# and the AWS CLI. The API is up to you (docs/operations.md, "Without SAM").
set -eu
ROLE_ARN=${1:?the ARN of a role with the statements of WorkflowRunsRole}
CLEANUP_ROLE_ARN=${2:?the ARN of a role with the statements of CleanupRole}

aws dynamodb create-table --table-name workflow-runs --billing-mode PAY_PER_REQUEST --deletion-protection-enabled \
    --attribute-definitions AttributeName=pk,AttributeType=S AttributeName=listKey,AttributeType=S \
        AttributeName=sortKey,AttributeType=S \
    --key-schema AttributeName=pk,KeyType=HASH \
    --global-secondary-indexes '[{"IndexName": "list",
        "KeySchema": [{"AttributeName": "listKey", "KeyType": "HASH"}, {"AttributeName": "sortKey", "KeyType": "RANGE"}],
        "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["status", "endedAt"]}}]' \
    --stream-specification StreamEnabled=true,StreamViewType=NEW_AND_OLD_IMAGES
aws dynamodb wait table-exists --table-name workflow-runs
aws dynamodb update-time-to-live --table-name workflow-runs \
    --time-to-live-specification Enabled=true,AttributeName=expiresAt
aws logs create-log-group --log-group-name /aws/lambda/workflow-runs
aws logs create-log-group --log-group-name /aws/lambda/workflow-runs-cleanup

cargo lambda build --release --output-format zip
aws lambda create-function --function-name workflow-runs --role "$ROLE_ARN" --timeout 15 --memory-size 256 \
    --runtime provided.al2023 --handler bootstrap --zip-file fileb://target/lambda/workflow-runs/bootstrap.zip \
    --environment 'Variables={TABLE_NAME=workflow-runs}' --logging-config LogFormat=JSON,ApplicationLogLevel=INFO
aws lambda create-function --function-name workflow-runs-cleanup --role "$CLEANUP_ROLE_ARN" --timeout 300 --memory-size 256 \
    --runtime provided.al2023 --handler bootstrap --zip-file fileb://target/lambda/workflow-runs/bootstrap.zip \
    --environment 'Variables={TABLE_NAME=workflow-runs}' --logging-config LogFormat=JSON,ApplicationLogLevel=INFO
aws lambda wait function-active-v2 --function-name workflow-runs-cleanup
aws lambda create-event-source-mapping --function-name workflow-runs-cleanup \
    --event-source-arn "$(aws dynamodb describe-table --table-name workflow-runs --query Table.LatestStreamArn --output text)" \
    --starting-position TRIM_HORIZON --batch-size 1 --parallelization-factor 2 \
    --maximum-retry-attempts -1 --maximum-record-age-in-seconds 21600 --metrics-config Metrics=EventCount \
    --filter-criteria '{"Filters": [
        {"Pattern": "{\"dynamodb\": {\"Keys\": {\"pk\": {\"S\": [{\"prefix\": \"definition/\"}]}}}}"},
        {"Pattern": "{\"eventName\": [\"REMOVE\"], \"dynamodb\": {\"Keys\": {\"pk\": {\"S\": [{\"prefix\": \"generation/\"}]}}}}"}]}'
