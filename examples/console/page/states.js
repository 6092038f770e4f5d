// What the page says when there is nothing to show, and why.

import { settings } from './api.js';
import { h } from './dom.js';

/** The resource that a policy must allow for a request, where the endpoint tells the API. */
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
        title: `The ${program} does not answer`,
        text: 'It has ended, or this machine was asleep. Start it again:',
        code: settings.endpoint ? `cargo run --example console -- ${settings.endpoint}` : 'cargo run --example local',
      };
    case 'stale':
      return { title: 'This address is no longer valid', text: 'The console has been started again, with a new address. Open the one that it has printed.' };
    case 'offline':
      return { title: 'The API cannot be reached', text: 'The network is down, or the endpoint is wrong:', code: error.message };
    case 'credentials':
      return { title: 'There are no AWS credentials', text: 'Sign in where the console runs (aws sso login, aws configure), then try again. No restart is needed.', code: error.message };
    case 'denied':
      return {
        title: 'You are not allowed to do this',
        text: resource(error)
          ? `IAM refuses it. The console acts with your own permissions; this one is execute-api:Invoke on ${resource(error)}. The answer was:`
          : 'The console acts with your own permissions, and these do not suffice. The answer was:',
        code: error.message,
      };
    case 'throttled':
      return { title: 'The API asks to slow down', text: 'Too many requests reach it just now. The page waits, and tries again.' };
    case 'missing':
      return { title: `This ${THINGS[error.resourceType] ?? 'resource'} does not exist`, text: 'It has been deleted, or never existed.' };
    case 'unknown':
      return { title: 'There is no such API here', text: `Does the endpoint end with the stage, as in https://….amazonaws.com/prod? It is ${settings.endpoint ?? 'this server'}.`, code: error.message };
    default:
      return {
        title: 'The API has failed',
        text: error.requestId ? `The log of the function has the cause, under the request id ${error.requestId}.` : 'The answer was:',
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
export function problem(error, retry) {
  const { title, text, code } = describe(error);
  const again = h('button', { type: 'button', onclick: retry }, 'Try again');
  const home = error.kind === 'missing' && h('a', { href: '#/' }, 'Show the newest definition');
  return state(title, { text, code, kind: error.kind, actions: [again, home] });
}

/** A bar over content that is no longer fresh. */
export function notice(error, since, wait, retry) {
  const { title, text } = describe(error);
  const seconds = h('span', { 'data-next': String(Date.now() + wait) }, `${Math.ceil(wait / 1000)} s`);
  return h('div', { class: `notice ${error.kind}`, 'data-notice': error.kind },
    h('p', {}, h('strong', {}, title), ' ', { throttled: text, denied: error.message }[error.kind] ?? '',
      h('span', { class: 'muted' }, since ? ` Shown: as of ${since}. ` : ' ', 'Next try in ', seconds, '.')),
    h('button', { type: 'button', onclick: retry }, 'Try now'));
}

/** Grey lines where content will be. */
export function loading(what, lines = 6) {
  return h('div', { class: 'skeleton', 'data-state': 'loading', role: 'status' },
    h('span', { class: 'visually-hidden' }, `Loading ${what}`), Array.from({ length: lines }, () => h('i', {})));
}
