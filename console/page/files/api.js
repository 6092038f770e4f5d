// The nine operations, and what can go wrong with them.

const base = new URL('.', document.baseURI);

/** Settings from the server: the endpoint behind the page, and the URL prefix of log groups in CloudWatch Logs. */
export const settings = { endpoint: null, logs: null };

/** The address at which any client reaches the API. */
export const address = base.href.replace(/\/$/, '');

/** A failed or missing answer. `kind` decides what the page says about it. */
export class ApiError extends Error {
  constructor(kind, message, details = {}) {
    super(message);
    Object.assign(this, { kind, name: 'ApiError', fields: [], retryAfter: 0, ...details });
  }
}

function kindOf(status, type) {
  if (status === 400) return 'invalid';
  if (status === 401 && type === 'NoCredentialsException') return 'credentials';
  if (status === 403) return type === 'MissingAuthenticationTokenException' ? 'unknown' : 'denied';
  if (status === 404) return { ResourceNotFoundException: 'missing', '': 'stale' }[type] ?? 'unknown';
  if (status === 409) return 'conflict';
  if (status === 429) return 'throttled';
  if (status === 502 && type === 'EndpointUnreachableException') return 'offline';
  return 'failed';
}

async function call(method, path, { query = {}, body, signal } = {}) {
  const url = new URL(path, base);
  for (const [name, value] of Object.entries(query)) if (value) url.searchParams.set(name, value);
  const timeout = AbortSignal.timeout(40_000);
  let response, text;
  try {
    response = await fetch(url, {
      method,
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
      headers: body ? { 'content-type': 'application/json' } : {},
      body: body && JSON.stringify(body),
    });
    text = await response.text();
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError('gone', 'No answer.', { method, path });
  }
  let answer = {};
  try { answer = JSON.parse(text || '{}'); } catch { /* not from the API: the status has to do */ }
  if (response.ok) return answer;
  const type = (response.headers.get('x-amzn-errortype') ?? answer.__type ?? '').split(/[:,]/)[0];
  throw new ApiError(kindOf(response.status, type), answer.message ?? answer.Message ?? `The answer is ${response.status}.`, {
    method, path, status: response.status, type,
    fields: answer.fieldList ?? [],
    resourceType: answer.resourceType,
    requestId: response.headers.get('x-amzn-requestid'),
    retryAfter: Number(response.headers.get('retry-after')) || 0,
  });
}

const definitionPath = (name) => `workflow-definitions/${encodeURIComponent(name)}`;
const runsPath = (name) => `${definitionPath(name)}/workflow-runs`;
const runPath = (name, id) => `${runsPath(name)}/${encodeURIComponent(id)}`;

export const api = {
  listDefinitions: (nextToken, signal) =>
    call('POST', 'workflow-definitions', { query: { maxResults: 100, nextToken }, signal }),
  getDefinition: (name, signal) => call('GET', definitionPath(name), { signal }),
  createDefinition: (definition) => call('PUT', 'workflow-definitions', { body: definition }),
  deleteDefinition: (name) => call('DELETE', definitionPath(name)),
  listRuns: (name, maxResults, nextToken, signal) =>
    call('POST', runsPath(name), { query: { maxResults, nextToken }, body: { sortOrder: 'Descending' }, signal }),
  getRun: (name, id, signal) => call('GET', runPath(name, id), { signal }),
  endRun: (name, id, status) => call('PUT', runPath(name, id), { body: { status } }),
  deleteRun: (name, id) => call('DELETE', runPath(name, id)),
};

/** Reads the settings. Without them the page works, but has no links into CloudWatch Logs. */
export async function readSettings() {
  const read = await call('GET', 'console/settings.json').catch(() => ({}));
  Object.assign(settings, read);
}

/** The CloudWatch Logs URL of a log group, or null if the endpoint is not in AWS. */
export function logGroupUrl(name) {
  // CloudWatch expects the name encoded twice, with $ instead of %.
  return settings.logs && settings.logs + encodeURIComponent(encodeURIComponent(name)).replaceAll('%', '$');
}

/** The commands that start a run. */
export function startCommands(name) {
  return {
    curl: `curl -X PUT \\\n  ${address}/${runsPath(name)} \\\n  -H 'content-type: application/json' \\\n`
      + `  -d '{"modelId": "nova-act-latest", "clientInfo": {"compatibilityVersion": 1}}'`,
    'AWS CLI': `aws nova-act create-workflow-run \\\n  --endpoint-url ${address} \\\n  --workflow-definition-name ${name} `
      + '--model-id nova-act-latest \\\n  --client-info compatibilityVersion=1',
  };
}

/** The command that creates a definition. */
export const createCommand = `curl -X PUT ${address}/workflow-definitions \\\n  -H 'content-type: application/json' \\\n  `
  + `-d '{"name": "demo"}'`;
