// Shows the view that the address names, and how fresh it is.

import { readSettings, settings } from './api.js';
import { DefinitionView } from './definition.js';
import { Definitions, definitionHash, firstDefinition } from './definitions.js';
import { createDefinition } from './dialogs.js';
import { announce, h, setText } from './dom.js';
import { absolute, tick } from './format.js';
import { Refresher } from './refresh.js';
import { RunView } from './run.js';
import { describe, loading, notice, problem } from './states.js';

/** How long the list of definitions stays fresh. */
const LIST_AGE = 30_000;

const main = document.getElementById('main');
const noticeArea = document.getElementById('notice');
const freshness = document.getElementById('freshness');
const definitions = new Definitions(document.getElementById('definitions'));

let view;
let readAt;
let failing;

/** The view without a definition: shows the newest, or how to create one. */
class Home {
  title = 'Definitions';
  hasContent = false;
  element = h('article', {}, loading('the definitions'));
  interval() { return 5000; }
  close() {}

  async load(signal) {
    await definitions.load(signal);
    this.hasContent = true;
    const [newest] = definitions.names;
    if (newest) {
      this.isLeft = true;
      location.replace(definitionHash(newest));
    } else if (!this.element.querySelector('[data-state=empty]')) {
      this.element.replaceChildren(firstDefinition(create));
    }
  }
}

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
    setText(freshness, wait === null ? `As of ${absolute(readAt)}; only the newest page refreshes itself` : `Updated ${absolute(readAt)}`);
  },
  failed(shown, error, wait) {
    listDefinitions();
    const { title } = describe(error);
    if (failing !== error.kind) announce(`${title}. The page is not being updated.`);
    const isNew = failing !== error.kind || shown.element.isConnected;
    failing = error.kind;
    setText(freshness, readAt ? `Not updated since ${absolute(readAt)}` : 'Not updated');
    if (shown.hasContent && error.kind !== 'missing') {
      replace(noticeArea, [notice(error, readAt && absolute(readAt), wait, refresh)], () => noticeArea.querySelector('button'));
      return;
    }
    replace(noticeArea, [], heading);
    if (!isNew) return;
    const head = h('header', { class: 'head' }, h('h1', { tabindex: '-1' }, shown.title));
    replace(main, [h('article', {}, head, problem(error, refresh))], heading);
  },
});

const refresh = () => refresher.now();

function create() {
  createDefinition((name) => {
    definitions.load().catch(() => {});
    location.hash = definitionHash(name);
  });
}

function parse(hash) {
  const match = /^#\/definitions\/([^/]+)(?:\/runs\/([^/]+))?$/.exec(hash);
  try { return match ? match.slice(1).map((part) => part && decodeURIComponent(part)) : []; } catch { return []; }
}

/** Shows the view that the address names, and focuses its heading unless the page has just been opened. */
function route(keepFocus) {
  const [name, id] = parse(location.hash);
  view?.close();
  view = id ? new RunView({ name, id, refresh }) : name ? new DefinitionView({ name, definitions, refresh }) : new Home();
  document.title = `${view.title} – Workflow runs`;
  failing = undefined;
  noticeArea.replaceChildren();
  main.replaceChildren(view.element);
  definitions.select(name);
  if (!keepFocus) { scrollTo(0, 0); (main.querySelector('h1') ?? main).focus({ preventScroll: true }); }
  return refresher.start(view);
}

document.getElementById('refresh').addEventListener('click', refresh);
document.getElementById('create').addEventListener('click', create);
document.getElementById('skip').addEventListener('click', (event) => { event.preventDefault(); main.focus(); });
addEventListener('hashchange', () => route(view.isLeft));
setInterval(() => {
  if (document.hidden) return;
  tick(document);
  for (const element of document.querySelectorAll('[data-next]')) {
    setText(element, `${Math.max(0, Math.ceil((element.dataset.next - Date.now()) / 1000))} s`);
  }
}, 1000);

await readSettings();
const endpoint = document.getElementById('endpoint');
setText(endpoint, settings.endpoint ?? 'local server');
endpoint.title = settings.endpoint ?? location.origin;
route(true);
