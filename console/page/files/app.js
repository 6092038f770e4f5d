// Shows the view that the address names, and how fresh it is.

import { definitionHash, parse } from './address.js';
import { readSettings, settings } from './api.js';
import { DefinitionView } from './definition.js';
import { Definitions } from './definitions.js';
import { createDefinition } from './dialogs.js';
import { announce, copyButton, h, setText } from './dom.js';
import { FindView, findBox } from './find.js';
import { stamp, tick } from './format.js';
import { Overview } from './overview.js';
import { Refresher } from './refresh.js';
import { RunView } from './run.js';
import { describe, notice, problem } from './states.js';

/** How long the list of definitions stays fresh. */
const LIST_AGE = 30_000;

const main = document.getElementById('main');
const noticeArea = document.getElementById('notice');
const freshness = document.getElementById('freshness');
const definitions = new Definitions(document.getElementById('definitions'));

let view;
let readAt;
let failing;

/** Refreshes the list of definitions, which shows its errors itself. */
const listDefinitions = () => definitions.load(undefined, LIST_AGE).catch(() => {});

/** Replaces an area's content. If the focus was inside, it moves to `next`. */
function replace(area, content, next) {
  const hadFocus = area !== document.activeElement && area.contains(document.activeElement);
  area.replaceChildren(...content);
  if (hadFocus) (next() ?? main).focus();
}

const heading = () => main.querySelector('h1');

const refresher = new Refresher({
  succeeded(shown, wait) {
    listDefinitions();
    readAt = new Date();
    if (failing) announce('The page is up to date again');
    failing = undefined;
    if (!shown.element.isConnected) replace(main, [shown.element], heading);
    replace(noticeArea, [], heading);
    setText(freshness, wait === null ? `As of ${stamp(readAt)}, not refreshed` : `Updated ${stamp(readAt)}`);
  },
  failed(shown, error, wait) {
    listDefinitions();
    const { title } = describe(error);
    if (failing !== error.kind) announce(`${title}. The page is not being updated.`);
    const isNew = failing !== error.kind || shown.element.isConnected;
    failing = error.kind;
    setText(freshness, readAt ? `Not updated since ${stamp(readAt)}` : 'Not updated');
    if (shown.hasContent && error.kind !== 'missing') {
      replace(noticeArea, [notice(error, readAt && stamp(readAt), wait, refresh)], () => noticeArea.querySelector('button'));
      return;
    }
    replace(noticeArea, [], heading);
    if (!isNew) return;
    const head = h('header', { class: 'head' }, h('h1', { tabindex: '-1' }, shown.title));
    replace(main, [h('article', {}, head, problem(error, refresh, shown.help?.(error)))], heading);
  },
});

const refresh = () => refresher.now();

function create() {
  createDefinition((name) => {
    definitions.load().catch(() => {});
    location.hash = definitionHash(name);
  });
}

const VIEWS = { overview: Overview, definition: DefinitionView, run: RunView, find: FindView };

/** Shows what the address names, and focuses its heading unless the page has just been opened or only been turned. */
function route(keepFocus) {
  const address = parse(location.hash);
  definitions.select(address.name, address.view);
  if (address.view === 'definition' && view instanceof DefinitionView && view.name === address.name) {
    view.goTo(address.place);
    if (!view.element.isConnected) main.replaceChildren(view.element);
    return refresher.start(view);
  }
  view?.close();
  view = new VIEWS[address.view]({ ...address, definitions, create, refresh });
  document.title = `${view.title} – Workflow runs`;
  failing = undefined;
  noticeArea.replaceChildren();
  main.replaceChildren(view.element);
  if (!keepFocus) { scrollTo(0, 0); (heading() ?? main).focus({ preventScroll: true }); }
  return refresher.start(view);
}

document.getElementById('refresh').addEventListener('click', refresh);
document.getElementById('actions').prepend(copyButton(() => location.hash || '#/', 'link to this view', 'Copy link'));
findBox(document.getElementById('find'), () => view.name);
document.getElementById('skip').addEventListener('click', (event) => { event.preventDefault(); main.focus(); });
addEventListener('hashchange', () => route());
setInterval(() => {
  if (document.hidden) return;
  tick(document);
  for (const element of document.querySelectorAll('[data-next]')) {
    setText(element, `${Math.max(0, Math.ceil((element.dataset.next - Date.now()) / 1000))} s`);
  }
}, 1000);

await readSettings();
const endpoint = document.getElementById('endpoint');
setText(endpoint, settings.endpoint?.replace('https://', '') ?? 'local server');
endpoint.title = settings.endpoint ?? location.origin;
route(true);
