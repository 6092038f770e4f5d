#!/bin/sh
# Mails every failed run of the definition `invoices`, as failed-runs.yaml does.
set -eu
REGION=${1:?the Region} ACCOUNT=${2:?the account} MAIL=${3:?the address}

aws sns create-topic --name failed-runs
aws sns subscribe --topic-arn arn:aws:sns:$REGION:$ACCOUNT:failed-runs --protocol email --notification-endpoint "$MAIL"
aws sns set-topic-attributes --topic-arn arn:aws:sns:$REGION:$ACCOUNT:failed-runs --attribute-name Policy --attribute-value '{
    "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"},
    "Action": "sns:Publish", "Resource": "arn:aws:sns:'$REGION:$ACCOUNT':failed-runs",
    "Condition": {"ArnEquals": {"aws:SourceArn": "arn:aws:events:'$REGION:$ACCOUNT':rule/failed-runs"}}}]}'
aws events put-rule --name failed-runs --event-pattern '{"source": ["workflow-runs"],
    "detail-type": ["Workflow Run Status Change"],
    "detail": {"workflowDefinitionName": ["invoices"], "status": ["FAILED"]}}'
aws events put-targets --rule failed-runs --targets Id=mail,Arn=arn:aws:sns:$REGION:$ACCOUNT:failed-runs
