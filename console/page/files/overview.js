// All definitions, each with what its last runs have come to.

import { definitionHash } from './address.js';
import { api, secret } from './api.js';
import { strip } from './chart.js';
import { arrange, h, snippet } from './dom.js';
import { badge, duration, time, zone } from './format.js';
import { createCommand } from './outside.js';
import { loading, state } from './states.js';
import { summary, typical } from './statistics.js';

/** How many of a definition's last runs are summed up. */
const LAST = 50;

const COLUMNS = ['Definition', `Last run (${zone()})`, 'Running now', 'Failed', 'Median', `Last ${LAST} runs`];

const cell = (properties, ...children) => h('td', { role: 'cell', ...properties }, ...children);

export class Overview {
  title = 'Overview';
  hasContent = false;

  #rows = new Map();
  #onScreen = new Set();
  #closing = new AbortController();
  #body = h('tbody', { role: 'rowgroup' });
  #more = h('button', { type: 'button', hidden: true, onclick: () => this.#readMore() }, 'More definitions');

  constructor({ definitions, create }) {
    Object.assign(this, { definitions, create });
    this.table = h('div', {}, h('div', { class: 'table' }, h('table', { class: 'overview', role: 'table' },
      h('caption', { class: 'visually-hidden' }, 'Definitions, newest first'),
      h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' }, COLUMNS.map((title) => h('th', { scope: 'col', role: 'columnheader' }, title)))),
      this.#body)), h('p', { class: 'pager' }, h('span', { class: 'muted' }, `What is running, what failed and the median duration are of a definition's last ${LAST} runs.`), this.#more));
    this.content = h('div', {}, loading('the definitions'));
    this.element = h('article', {},
      h('header', { class: 'head' }, h('h1', { tabindex: '-1' }, 'Overview'), h('button', { type: 'button', id: 'create', onclick: create }, 'Create definition')),
      this.content);
    // Each row costs a request: read those on the screen.
    this.watcher = new IntersectionObserver((entries) => {
      for (const { isIntersecting, target } of entries) this.#watch(target.dataset.definition, isIntersecting);
    });
  }

  /** The more definitions are on the screen, the less often: every second one of them is read at most. */
  interval() {
    return Math.max(10_000, this.#onScreen.size * 2000);
  }

  close() {
    this.watcher.disconnect();
    this.#closing.abort();
  }

  async load(signal) {
    await this.definitions.load(signal);
    this.hasContent = true;
    this.#show();
    for (const name of this.#onScreen) await this.#read(name, signal);
  }

  #show() {
    const { all, hasMore } = this.definitions;
    if (all.length === 0) {
      if (!this.content.querySelector('[data-state=empty]')) this.content.replaceChildren(noDefinitions(this.create));
      return;
    }
    const names = new Set(all.map((definition) => definition.workflowDefinitionName));
    for (const [name, { element }] of this.#rows) {
      if (names.has(name)) continue;
      this.watcher.unobserve(element);
      this.#rows.delete(name);
      this.#onScreen.delete(name);
    }
    arrange(this.#body, all.map((definition) => this.#row(definition)));
    this.#more.hidden = !hasMore;
    if (this.table.parentElement !== this.content) this.content.replaceChildren(this.table);
  }

  #row({ workflowDefinitionName: name, status }) {
    let row = this.#rows.get(name);
    if (!row) {
      const cells = COLUMNS.slice(1).map((title) => cell({ class: 'pending', 'data-title': title.toLowerCase() }));
      const note = h('span', { class: 'note' });
      const element = h('tr', { role: 'row', 'data-definition': name }, h('th', { scope: 'row', role: 'rowheader', class: 'name' },
        h('a', { href: definitionHash(name) }, name), note), cells);
      row = { element, cells, note };
      this.#rows.set(name, row);
      this.watcher.observe(element);
    }
    row.note.replaceChildren(status === 'ACTIVE' ? '' : badge(status));
    return row.element;
  }

  #watch(name, isOnScreen) {
    if (!isOnScreen) { this.#onScreen.delete(name); return; }
    this.#onScreen.add(name);
    // An error comes up again with the next refresh, which says so and backs off.
    if (!this.#rows.get(name)?.isRead) this.#read(name, this.#closing.signal).catch(() => {});
  }

  async #read(name, signal) {
    let runs;
    try {
      ({ workflowRunSummaries: runs } = await api.listRuns(name, { maxResults: LAST }, signal));
    } catch (error) {
      // It has been deleted since, or its runs are not for this caller: the others may be.
      if (!['missing', 'denied'].includes(error.kind)) throw error;
    }
    const row = this.#rows.get(name);
    if (!row) return;
    row.isRead = true;
    // Nothing has changed: leave selection, focus and screen readers alone.
    const shown = JSON.stringify(runs);
    if (row.shown === shown) return;
    row.shown = shown;
    const contents = runs ? this.#facts(name, runs) : [h('span', { class: 'muted' }, 'not known')];
    row.cells.forEach((one, index) => {
      one.classList.remove('pending');
      one.replaceChildren(contents[index] ?? '');
    });
  }

  #facts(name, runs) {
    if (runs.length === 0) return [h('span', { class: 'muted' }, 'no runs yet')];
    const [last] = runs;
    const number = (status, title) => {
      const found = runs.filter((run) => run.status === status).length;
      return found === 0 ? h('span', { class: 'muted' }, '0')
        : h('a', { href: definitionHash(name, { status }), class: `status-${status.toLowerCase()}`, 'aria-label': `${found} ${title} of ${name}` }, String(found));
    };
    const median = typical(runs);
    return [
      h('span', { class: 'last' }, badge(last.status), ' ', time(last.startedAt)),
      number('RUNNING', 'running'), number('FAILED', 'failed'),
      median ? duration(median) : h('span', { class: 'muted' }, '–'),
      h('span', { title: summary(runs) }, strip(runs), h('span', { class: 'visually-hidden' }, summary(runs))),
    ];
  }

  async #readMore() {
    const before = this.#rows.size;
    await this.definitions.more(this.#closing.signal).catch(() => {});
    this.#show();
    [...this.#rows.values()][before]?.element.querySelector('a').focus();
  }

  /** Without the permission to list, a definition can still be opened by its name. */
  help(error) {
    if (error.kind !== 'denied') return null;
    const input = h('input', { id: 'open-name', maxlength: 40, autocomplete: 'off', spellcheck: 'false' });
    const form = h('form', { class: 'open' }, h('label', { for: 'open-name' }, 'Open a definition by its name'), input, h('button', {}, 'Open'));
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      if (input.value) location.hash = definitionHash(input.value.trim());
    });
    return form;
  }
}

/** What to do in an account without definitions. */
function noDefinitions(create) {
  return state('No definitions yet', {
    text: 'A workflow definition names a kind of work; each run belongs to one. Create the first one here, or from a terminal:',
    actions: [h('button', { type: 'button', class: 'primary', onclick: create }, 'Create a definition')],
  }, snippet('curl', createCommand, { secret }));
}
