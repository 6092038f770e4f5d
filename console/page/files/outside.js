// Ways out of the page: commands for a terminal, and links into CloudWatch Logs.

import { address, settings } from './api.js';

// The console's address holds a secret: a command that named it would show it in the process list.
const EXPORT = `export AWS_ENDPOINT_URL_NOVA_ACT=${address}\n`;

const aws = (operation, ...options) => [`${EXPORT}aws nova-act ${operation}`, ...options].join(' \\\n  ');

/** curl reads its URL from the standard input. */
function put(path, body) {
  return `${EXPORT}echo "url = $AWS_ENDPOINT_URL_NOVA_ACT/${path}" | curl --config - -X PUT \\\n  -H 'content-type: application/json' \\\n`
    + `  -d '${JSON.stringify(body)}'`;
}

/** The commands that start a run. */
export function startCommands(name) {
  return {
    curl: put(`workflow-definitions/${name}/workflow-runs`, { modelId: 'nova-act-latest', clientInfo: { compatibilityVersion: 1 } }),
    'AWS CLI': aws('create-workflow-run', `--workflow-definition-name ${name} --model-id nova-act-latest`, '--client-info compatibilityVersion=1'),
  };
}

/** The command that creates a definition. */
export const createCommand = put('workflow-definitions', { name: 'demo' });

/** The command that shows a run. */
export const getRunCommand = (name, id) => aws('get-workflow-run', `--workflow-definition-name ${name}`, `--workflow-run-id ${id}`);

/** A minute around a run: what an agent logs before its run starts and after it has ended. */
const MARGIN = 60_000;

/** The CloudWatch Logs URL of a log group, or null if the endpoint is not in AWS. With a run, its events in that time. */
export function logGroupUrl(name, run) {
  if (!settings.logs) return null;
  // CloudWatch expects the name encoded twice, and all with $ instead of %.
  const encode = (text) => encodeURIComponent(text).replaceAll('%', '$');
  const url = settings.logs + encode(encodeURIComponent(name));
  if (!run) return url;
  const span = [`start=${Date.parse(run.startedAt) - MARGIN}`, run.endedAt && `end=${Date.parse(run.endedAt) + MARGIN}`];
  return `${url}/log-events${encode(`?${span.filter(Boolean).join('&')}`)}`;
}
