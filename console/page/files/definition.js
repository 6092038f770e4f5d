// One definition: what it is, a picture of its last runs, and its runs, page by page.

import { api, logGroupUrl, startCommands } from './api.js';
import { Chart } from './chart.js';
import { definitionHash, runHash } from './definitions.js';
import { details } from './details.js';
import { deleteDefinition } from './dialogs.js';
import { announce, arrange, command, h, setText } from './dom.js';
import { badge, showDuration, time } from './format.js';
import { loading, state } from './states.js';

const PAGE = 50;

/** How long the definition itself stays fresh. */
const DEFINITION_AGE = 30_000;

/** A log group, linked to CloudWatch Logs if the endpoint is in AWS. */
export function logGroup(name) {
  if (!name) return h('span', { class: 'muted' }, 'none');
  const url = logGroupUrl(name);
  return url ? h('a', { href: url, target: '_blank', rel: 'noopener noreferrer' }, name, h('span', { class: 'visually-hidden' }, ' in CloudWatch Logs')) : h('span', {}, name);
}

export class DefinitionView {
  #rows = new Map();
  #tokens = [undefined];
  #readAt = 0;
  #empty;

  constructor({ name, definitions, refresh }) {
    Object.assign(this, { name, definitions, refresh });
    this.title = name;
    details.forget();
    this.status = h('span', {});
    this.facts = h('div', { class: 'facts' });
    this.delete = h('button', { type: 'button', class: 'danger quiet', hidden: true, onclick: () => deleteDefinition(name, () => this.#deleted()) }, 'Delete definition');
    this.chart = new Chart((id) => { location.hash = runHash(name, id); });
    this.body = h('tbody', {});
    this.table = h('div', { class: 'table', tabindex: '0', role: 'region', 'aria-label': 'Runs' }, h('table', {},
      h('caption', { class: 'visually-hidden' }, `Runs of ${name}, newest first`),
      h('thead', {}, h('tr', {}, ['Status', 'Run', 'Started', 'Duration', 'Model', 'Log group'].map((title) => h('th', { scope: 'col' }, title)))),
      this.body));
    this.newest = h('button', { type: 'button', onclick: () => this.#turn(0) }, 'Newest');
    this.newer = h('button', { type: 'button', onclick: () => this.#turn(this.page - 1) }, 'Newer');
    this.older = h('button', { type: 'button', onclick: () => this.#turn(this.page + 1) }, 'Older');
    this.place = h('span', { class: 'muted' });
    this.pager = h('nav', { class: 'pager', 'aria-label': 'Pages of runs' }, this.newest, this.newer, this.place, this.older);
    this.content = h('div', {}, loading('the runs'));
    this.element = h('article', {},
      h('header', { class: 'head' }, h('h1', { tabindex: '-1' }, name), this.status, this.delete), this.facts, this.content);
    // A run's model and log group cost a request: read them only for rows on the screen.
    this.watcher = new IntersectionObserver((entries) => {
      for (const { isIntersecting, target } of entries) if (isIntersecting) this.#want(target);
    });
  }

  page = 0;
  hasContent = false;

  /** Older pages do not change: only the first one refreshes by itself. */
  interval() {
    return this.page === 0 ? 5000 : null;
  }

  close() {
    this.watcher.disconnect();
    details.forget();
  }

  async load(signal) {
    const [answer] = await Promise.all([
      api.listRuns(this.name, PAGE, this.#tokens[this.page], signal),
      this.#loadDefinition(signal),
    ]);
    this.#tokens.length = this.page + 1;
    if (answer.nextToken) this.#tokens.push(answer.nextToken);
    this.hasContent = true;
    this.#show(answer.workflowRunSummaries);
  }

  async #loadDefinition(signal) {
    if (Date.now() - this.#readAt < DEFINITION_AGE) return;
    let definition;
    try {
      definition = await api.getDefinition(this.name, signal);
    } catch (error) {
      // A caller may be allowed to read runs but not definitions.
      if (error.kind !== 'denied') throw error;
      definition = {};
    }
    this.#readAt = Date.now();
    this.status.replaceChildren(definition.status ? badge(definition.status) : '');
    this.isDeleting = definition.status === 'DELETING';
    this.delete.hidden = this.isDeleting;
    const { s3BucketName: bucket, s3KeyPrefix: prefix } = definition.exportConfig ?? {};
    this.facts.replaceChildren(...[
      definition.description && h('span', { class: 'description' }, definition.description),
      definition.createdAt && h('span', {}, 'Created ', time(definition.createdAt)),
      bucket && h('span', {}, 'Export to ', h('code', {}, `s3://${bucket}${prefix ? `/${prefix}` : ''}`)),
    ].filter(Boolean));
  }

  #show(runs) {
    if (runs.length === 0 && this.page === 0) {
      this.#empty = this.isDeleting ? this.#noMoreRuns() : this.#empty ?? this.#noRuns();
      if (this.content.firstChild !== this.#empty) this.content.replaceChildren(this.#empty);
      return;
    }
    for (const id of [...this.#rows.keys()]) if (!runs.some((run) => run.workflowRunId === id)) this.#forget(id);
    arrange(this.body, runs.map((run) => this.#row(run)));
    this.chart.draw(runs, this.page === 0 ? `Last ${runs.length === 1 ? 'run' : `${runs.length} runs`}` : `Page ${this.page + 1}`);
    this.newest.disabled = this.newer.disabled = this.page === 0;
    this.older.disabled = this.#tokens.length <= this.page + 1;
    setText(this.place, `Page ${this.page + 1}`);
    this.pager.hidden = this.page === 0 && this.older.disabled;
    if (this.table.parentElement !== this.content) {
      this.start ??= h('details', { class: 'start' }, h('summary', {}, 'Start a run from a terminal'), this.#commands());
      this.content.replaceChildren(this.chart.element, this.table, this.pager, this.start);
    }
  }

  #row(run) {
    const id = run.workflowRunId;
    let row = this.#rows.get(id);
    if (!row) {
      const cells = {
        status: h('td', {}), duration: h('td', { class: 'number' }), model: h('td', { class: 'pending' }), log: h('td', { class: 'pending' }),
      };
      const link = h('a', { href: runHash(this.name, id) }, id);
      const element = h('tr', { 'data-run': id }, cells.status, h('th', { scope: 'row', class: 'id' }, link), h('td', {}, time(run.startedAt)), cells.duration, cells.model, cells.log);
      element.addEventListener('click', (event) => {
        if (!event.target.closest('a') && !getSelection().toString()) location.hash = link.hash;
      });
      row = { element, cells };
      this.#rows.set(id, row);
    }
    // Observe again: the row may still be on the screen without its details.
    if (!row.isComplete) { this.watcher.unobserve(row.element); this.watcher.observe(row.element); }
    if (row.status !== run.status) row.cells.status.replaceChildren(badge(row.status = run.status));
    showDuration(row.cells.duration, run);
    return row.element;
  }

  #forget(id) {
    this.watcher.unobserve(this.#rows.get(id).element);
    this.#rows.delete(id);
  }

  #want(element) {
    const id = element.dataset.run;
    this.watcher.unobserve(element);
    details.want(this.name, id, (known) => {
      const row = this.#rows.get(id);
      if (!row) return;
      row.isComplete = Boolean(known);
      row.cells.model.className = row.cells.log.className = '';
      row.cells.model.replaceChildren(known ? known.modelId : h('span', { class: 'muted' }, 'not known'));
      row.cells.log.replaceChildren(known ? logGroup(known.logGroupName) : h('span', { class: 'muted' }, 'not known'));
    });
  }

  async #turn(page) {
    this.page = page;
    await this.refresh();
    if (this.page !== page) return;
    announce(`Page ${page + 1}`);
    this.table.scrollIntoView({ block: 'nearest' });
    this.body.querySelector('a')?.focus({ preventScroll: page === 0 });
  }

  #commands() {
    return Object.entries(startCommands(this.name)).map(([label, text]) => command(label, text));
  }

  #noRuns() {
    return state('No runs yet', { text: 'Start the first one from a terminal. It appears here by itself.' }, ...this.#commands());
  }

  #noMoreRuns() {
    return state('This definition is being deleted', { text: 'It no longer starts runs. Its name is free again in a few minutes.', kind: 'deleting' });
  }

  #deleted() {
    this.#readAt = 0;
    this.definitions.load(undefined).catch(() => {});
    if (location.hash === definitionHash(this.name)) this.refresh();
  }
}
