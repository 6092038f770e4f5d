// The nine operations, and what can go wrong with them.

import { Pace } from './pace.js';

/** A stage's limit is for all callers together: however many lists the page needs, it reads at most five a second. */
const lists = new Pace(200);

const base = new URL('.', document.baseURI);

/** Settings from the server: the endpoint behind the page, and the URL prefix of log groups in CloudWatch Logs. */
export const settings = { endpoint: null, logs: null };

/** The address at which any client reaches the API. */
export const address = base.href.replace(/\/$/, '');

/** The part of that address that nobody else should see; the local server has none. */
export const secret = base.pathname.slice(1, -1);

/** A failed or missing response. `kind` decides what the page says about it. */
class ApiError extends Error {
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
  let response;
  let text;
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
    throw new ApiError('gone', 'No response.', { method, path });
  }
  let output = {};
  try { output = JSON.parse(text || '{}'); } catch { /* not from the API: the status has to do */ }
  if (response.ok) return output;
  const type = (response.headers.get('x-amzn-errortype') ?? output.__type ?? '').split(/[:,]/)[0];
  throw new ApiError(kindOf(response.status, type), output.message ?? output.Message ?? `The status is ${response.status}.`, {
    method, path, status: response.status, type,
    fields: output.fieldList ?? [],
    resourceType: output.resourceType,
    requestId: response.headers.get('x-amzn-requestid'),
    retryAfter: Number(response.headers.get('retry-after')) || 0,
  });
}

const definitionPath = (name) => `workflow-definitions/${encodeURIComponent(name)}`;
const runsPath = (name) => `${definitionPath(name)}/workflow-runs`;
const runPath = (name, id) => `${runsPath(name)}/${encodeURIComponent(id)}`;

async function list(path, { maxResults, nextToken, sortOrder }, signal) {
  await lists.turn(signal);
  return call('POST', path, { query: { maxResults, nextToken }, body: sortOrder && { sortOrder }, signal });
}

export const api = {
  listDefinitions: (options, signal) => list('workflow-definitions', options, signal),
  getDefinition: (name, signal) => call('GET', definitionPath(name), { signal }),
  createDefinition: (definition) => call('PUT', 'workflow-definitions', { body: definition }),
  deleteDefinition: (name) => call('DELETE', definitionPath(name)),
  /** The newest runs first, unless `sortOrder` says otherwise. */
  listRuns: (name, options, signal) => list(runsPath(name), options, signal),
  getRun: (name, id, signal) => call('GET', runPath(name, id), { signal }),
  endRun: (name, id, status) => call('PUT', runPath(name, id), { body: { status } }),
  deleteRun: (name, id) => call('DELETE', runPath(name, id)),
};

/** Reads the settings. Without them the page works, but has no links into CloudWatch Logs. */
export async function readSettings() {
  const read = await call('GET', 'console/settings.json').catch(() => ({}));
  Object.assign(settings, read);
}

