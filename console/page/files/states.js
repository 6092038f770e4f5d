// Empty, loading and failed states: each says what happened and what to do.

import { overviewHash } from './address.js';
import { settings } from './api.js';
import { h } from './dom.js';

/** The resource that a policy must allow for a request, if the endpoint names the API. */
function resource({ method, path }) {
  const match = /^https:\/\/([^.]+)\.execute-api\.([^.]+)\.[^/]+(\/.*)?$/.exec(settings.endpoint ?? '');
  if (!match) return null;
  const [, api, region, stage] = match;
  const partition = { cn: 'aws-cn', us: region.startsWith('us-gov-') ? 'aws-us-gov' : 'aws' }[region.split('-')[0]] ?? 'aws';
  return `arn:${partition}:execute-api:${region}:*:${api}${stage ?? '/*'}/${method}/${path}`;
}

const THINGS = { 'workflow-definition': 'workflow definition', 'workflow-run': 'run' };

/** An error in words: what happened, and what to do. */
export function describe(error) {
  const program = settings.endpoint ? 'console' : 'local server';
  switch (error.kind) {
    case 'gone':
      return {
        title: `The ${program} does not respond`,
        text: 'It may have ended. Start it again:',
        code: settings.endpoint ? `cargo run --example console -- ${settings.endpoint}` : 'cargo run --example local',
      };
    case 'stale':
      return { title: 'This address is no longer valid', text: 'The console was restarted and has a new address. Open the one it printed.' };
    case 'offline':
      return { title: 'The API cannot be reached', text: 'Check the network and the endpoint:', code: error.message };
    case 'credentials':
      return { title: 'There are no AWS credentials', text: 'Sign in where the console runs (aws sso login, aws configure), then try again. No restart is needed.', code: error.message };
    case 'denied':
      return {
        title: 'You are not allowed to do this',
        text: resource(error)
          ? `The console acts with your own permissions. This request needs execute-api:Invoke on ${resource(error)}. The API responded:`
          : 'The console acts with your own permissions, which do not allow this. The API responded:',
        code: error.message,
      };
    case 'throttled':
      return { title: 'The API is throttling requests', text: 'It gets too many of them right now. The page waits and retries.' };
    case 'invalid':
      return { title: 'The API rejects this request', text: 'The address may be incomplete. The API responded:', code: error.message };
    case 'missing':
      return { title: `This ${THINGS[error.resourceType] ?? 'resource'} does not exist`, text: 'It has been deleted, or never existed.' };
    case 'unknown':
      return { title: 'There is no such API here', text: `Does the endpoint end with the stage, as in https://….amazonaws.com/prod? It is ${settings.endpoint ?? 'this server'}.`, code: error.message };
    default:
      return {
        title: 'The API has failed',
        text: error.requestId ? `The log of the function has the cause, under the request id ${error.requestId}.` : 'It responded:',
        code: error.requestId ? undefined : error.message,
      };
  }
}

/** A panel in place of content. */
export function state(title, { text, code, kind = 'empty', actions = [] } = {}, ...more) {
  return h('section', { class: `state ${kind}`, 'data-state': kind },
    h('h2', {}, title), text && h('p', {}, text), code && h('pre', { tabindex: '0', role: 'region', 'aria-label': 'Details' }, h('code', {}, code)),
    ...more, actions.length > 0 && h('p', { class: 'actions' }, ...actions));
}

/** A panel that says why there is no content, with a way to try again. */
export function problem(error, retry, help) {
  const { title, text, code } = describe(error);
  const again = h('button', { type: 'button', onclick: retry }, 'Try again');
  const home = error.kind === 'missing' && h('a', { href: overviewHash }, 'Show all definitions');
  return state(title, { text, code, kind: error.kind, actions: [again, home] }, help);
}

/** A bar above stale content. */
export function notice(error, since, wait, retry) {
  const { title, text } = describe(error);
  const seconds = h('span', { 'data-next': String(Date.now() + wait) }, `${Math.ceil(wait / 1000)} s`);
  return h('div', { class: `notice ${error.kind}`, 'data-notice': error.kind },
    h('p', {}, h('strong', {}, title), ' ', { throttled: text, denied: error.message }[error.kind] ?? '',
      h('span', { class: 'muted' }, since ? ` Showing data from ${since}. ` : ' ', 'Next try in ', seconds, '.')),
    h('button', { type: 'button', onclick: retry }, 'Try now'));
}

/** Placeholder lines for content that is loading. */
export function loading(what, lines = 6) {
  return h('div', { class: 'skeleton', 'data-state': 'loading', role: 'status' },
    h('span', { class: 'visually-hidden' }, `Loading ${what}`), Array.from({ length: lines }, () => h('i', {})));
}
