// The runs of a definition as a table: on a narrow window, as cards.

import { runHash } from './address.js';
import { details } from './details.js';
import { arrange, h, setText } from './dom.js';
import { badge, showDuration, time, zone } from './format.js';
import { logGroupUrl } from './outside.js';
import { lateness } from './statistics.js';

// With `display: grid`, a browser may forget that a table is one.
const cell = (properties, ...children) => h('td', { role: 'cell', ...properties }, ...children);

/** A log group, linked to CloudWatch Logs if the endpoint is in AWS; with a run, to its time. */
export function logGroup(name, run) {
  if (!name) return h('span', { class: 'muted' }, 'none');
  const url = logGroupUrl(name, run);
  return url
    ? h('a', { href: url, target: '_blank', rel: 'noopener noreferrer', title: name }, name, h('span', { class: 'visually-hidden' }, ' in CloudWatch Logs'))
    : h('span', { title: name }, name);
}

export class RunTable {
  #name;
  #rows = new Map();
  #body = h('tbody', { role: 'rowgroup' });
  #started = h('th', { scope: 'col', role: 'columnheader' });

  constructor(name) {
    this.#name = name;
    details.forget();
    const column = (title) => h('th', { scope: 'col', role: 'columnheader' }, title);
    this.element = h('div', { class: 'table' }, h('table', { class: 'runs', role: 'table' },
      h('caption', { class: 'visually-hidden' }, `Runs of ${name}, newest first. The arrow keys go from run to run.`),
      h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' },
        column('Status'), column('Run'), this.#started, column('Duration'), column('Model'), column('Log group'))),
      this.#body));
    this.#body.addEventListener('keydown', (event) => this.#move(event));
    this.#body.addEventListener('focusin', (event) => this.#visit(event.target.closest('tr')));
    // A run's model and log group cost a request: read them only for rows on the screen.
    this.watcher = new IntersectionObserver((entries) => {
      for (const { isIntersecting, target } of entries) if (isIntersecting) this.#want(target);
    });
  }

  close() {
    this.watcher.disconnect();
    details.forget();
  }

  /** Shows these runs. `median` is what `typical` says of them. */
  show(runs, median) {
    setText(this.#started, `Started (${zone()})`);
    const ids = new Set(runs.map((run) => run.workflowRunId));
    for (const [id, { element }] of this.#rows) {
      if (ids.has(id)) continue;
      this.watcher.unobserve(element);
      this.#rows.delete(id);
    }
    const hadFocus = this.#body.contains(document.activeElement);
    arrange(this.#body, runs.map((run) => this.#row(run, median)));
    if (!this.#body.querySelector('[tabindex="0"]')) this.#visit(this.#body.firstElementChild);
    if (hadFocus && !this.#body.contains(document.activeElement)) this.focus();
  }

  /** Focuses the first run. */
  focus(options) {
    this.#body.querySelector('.id a')?.focus(options);
  }

  #row(run, median) {
    const id = run.workflowRunId;
    let row = this.#rows.get(id);
    if (!row) {
      const cells = {
        status: cell({ class: 'status' }), duration: cell({ class: 'duration' }), model: cell({ class: 'model pending' }), log: cell({ class: 'log pending' }),
      };
      const link = h('a', { href: runHash(this.#name, id), title: id, tabindex: '-1' }, id.slice(0, 8));
      const element = h('tr', { role: 'row', 'data-run': id }, cells.status, h('th', { scope: 'row', role: 'rowheader', class: 'id' }, link),
        cell({ class: 'started' }, time(run.startedAt)), cells.duration, cells.model, cells.log);
      element.addEventListener('click', (event) => {
        if (!event.target.closest('a') && !getSelection().toString()) location.hash = link.hash;
      });
      row = { element, cells, took: h('span', {}), late: h('span', { class: 'late' }) };
      cells.duration.append(row.took, row.late);
      this.#rows.set(id, row);
    }
    // Observe again: the row may still be on the screen without its details.
    if (!row.isComplete) { this.watcher.unobserve(row.element); this.watcher.observe(row.element); }
    if (row.status !== run.status) row.cells.status.replaceChildren(badge(row.status = run.status));
    showDuration(row.took, run);
    setText(row.late, lateness(run, median) ?? '');
    return row.element;
  }

  #want(element) {
    const id = element.dataset.run;
    this.watcher.unobserve(element);
    details.want(this.#name, id, (known) => {
      const row = this.#rows.get(id);
      if (!row) return;
      row.isComplete = Boolean(known);
      const { model, log } = row.cells;
      for (const { classList } of [model, log]) classList.remove('pending');
      model.title = known?.modelId ?? '';
      model.replaceChildren(known ? known.modelId : h('span', { class: 'muted' }, 'not known'));
      log.replaceChildren(known ? logGroup(known.logGroupName) : h('span', { class: 'muted' }, 'not known'));
      this.#stops(element);
    });
  }

  /** Makes a row the one that Tab stops at. */
  #visit(row) {
    if (!row || row === this.stop) return;
    const previous = this.stop;
    this.stop = row;
    for (const one of [previous, row]) if (one) this.#stops(one);
  }

  #stops(row) {
    for (const link of row.querySelectorAll('a')) link.tabIndex = row === this.stop ? 0 : -1;
  }

  #move(event) {
    const row = event.target.closest('tr');
    const next = {
      ArrowDown: row.nextElementSibling, ArrowUp: row.previousElementSibling, Home: this.#body.firstElementChild, End: this.#body.lastElementChild,
    }[event.key];
    if (!next || event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    next.querySelector('.id a').focus();
  }
}
