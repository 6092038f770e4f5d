#!/bin/sh
# Restores a table as it was at a time, with what a restore leaves out.
set -eu
TABLE=${1:?the table} RESTORED=${2:?the name of the new table} TIME=${3:?the time, such as 2026-11-24T12:00:00Z}

aws dynamodb restore-table-to-point-in-time --source-table-name "$TABLE" --target-table-name "$RESTORED" \
    --restore-date-time "$TIME"
until aws dynamodb wait table-exists --table-name "$RESTORED"; do :; done # it gives up after eight minutes
aws dynamodb update-continuous-backups --table-name "$RESTORED" \
    --point-in-time-recovery-specification PointInTimeRecoveryEnabled=true
aws dynamodb update-time-to-live --table-name "$RESTORED" \
    --time-to-live-specification Enabled=true,AttributeName=expiresAt
aws dynamodb update-table --table-name "$RESTORED" --deletion-protection-enabled \
    --stream-specification StreamEnabled=true,StreamViewType=NEW_AND_OLD_IMAGES
