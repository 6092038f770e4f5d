// The page's addresses: each names all that one sees, so that Back, a reload and a link lead to the same.
//
//   #/                                                the overview
//   #/definitions/NAME?status=…&from=…&to=…           runs of a definition, filtered
//   #/definitions/NAME?…&page=4&after=TOKEN           a later page of them
//   #/definitions/NAME/runs/ID                        a run
//   #/find/TEXT?first=NAME                            wherever TEXT, a run's id or its beginning, leads

const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const ZEROES = '00000000-0000-0000-0000-000000000000';
const ARN = /^arn:[^:]+:nova-act:[^:]*:\d*:workflow-definition\/([\w-]{1,40})(?:\/workflow-run\/([\da-f-]{36}))?$/i;
const DATE = /^\d{4}-\d\d-\d\d$/;

/** The statuses that a run can be filtered by. */
export const STATUSES = ['RUNNING', 'SUCCEEDED', 'FAILED', 'TIMED_OUT'];

function withQuery(path, values) {
  const query = new URLSearchParams(Object.entries(values).filter(([, value]) => value));
  return query.size > 0 ? `${path}?${query}` : path;
}

export const overviewHash = '#/';

/** A definition's runs: `status`, `from` and `to` (local dates), and `after` (a token) with the number of its `page`. */
export function definitionHash(name, { status, from, to, page, after } = {}) {
  return withQuery(`#/definitions/${encodeURIComponent(name)}`, { status, from, to, page: after && page, after });
}

export const runHash = (name, id) => `${definitionHash(name)}/runs/${encodeURIComponent(id)}`;

/** A search for a text in all definitions, beginning with one. */
export const findHash = (text, first) => withQuery(`#/find/${encodeURIComponent(text)}`, { first });

/** What an address shows. */
export function parse(hash) {
  const [path, query] = hash.split('?');
  const values = Object.fromEntries(new URLSearchParams(query));
  let parts;
  try { parts = path.split('/').slice(1).map(decodeURIComponent); } catch { parts = []; }
  if (parts[0] === 'definitions' && parts[1] && parts.length === 2) return { view: 'definition', name: parts[1], place: place(values) };
  if (parts[0] === 'definitions' && parts[1] && parts[2] === 'runs' && parts[3]) return { view: 'run', name: parts[1], id: parts[3] };
  if (parts[0] === 'find' && parts[1]) return { view: 'find', text: parts[1], first: values.first };
  return { view: 'overview' };
}

function place({ status, from, to, page, after }) {
  return {
    status: STATUSES.includes(status) ? status : undefined,
    from: DATE.test(from) ? from : undefined,
    to: DATE.test(to) ? to : undefined,
    page: after ? Math.max(2, Number.parseInt(page, 10) || 2) : 1,
    after,
  };
}

/** Whether a text is a run's whole id. */
export const isId = (text) => ID.test(text);

/** The beginning of an id needs this many characters. */
export const SHORTEST = 4;

/**
 * Reads what people copy and paste: a link of this page (with or without what precedes its `#`), an ARN, or a run's id
 * or its beginning. Returns `{ hash }`, `{ id }`, or `null`.
 */
export function readReference(text) {
  const trimmed = text.trim();
  const link = /(?:^|\/)(#\/definitions\/.+)$/.exec(trimmed);
  if (link && parse(link[1]).view !== 'overview') return { hash: link[1] };
  const arn = ARN.exec(trimmed);
  if (arn) return { hash: arn[2] ? runHash(arn[1], arn[2].toLowerCase()) : definitionHash(arn[1]), arn: trimmed };
  const id = trimmed.toLowerCase();
  return id.length >= SHORTEST && ID.test(id + ZEROES.slice(id.length)) ? { id } : null;
}

// A token is a position: the start and the id of the run that a listing continues after, in base64url.
const token = (startedAt, id) => btoa(`${startedAt}/${id}`).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');

/** The token that continues a listing after a run, in either order. */
export const positionOf = (run) => token(run.startedAt, run.workflowRunId);

/** The token that continues a listing at a time, in either order. */
export const positionAt = (date) => token(date.toISOString(), ZEROES);
