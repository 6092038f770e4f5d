// One run in detail.

import { definitionHash, overviewHash, positionOf, runHash } from './address.js';
import { api, secret } from './api.js';
import { details } from './details.js';
import { deleteRun, endRun } from './dialogs.js';
import { copyButton, h, setText, snippet } from './dom.js';
import { badge, duration, elapsed, showDuration, stamp, statusLabel, time } from './format.js';
import { getRunCommand } from './outside.js';
import { loading } from './states.js';
import { lateness, typical } from './statistics.js';
import { logGroup } from './table.js';

const HOUR = 3_600_000;

/** A run is compared with this many that were started before it. */
const OTHERS = 50;

/** How long the newest run stays the newest without looking again. */
const COMPARISON_AGE = 30_000;

export class RunView {
  hasContent = false;

  #shown = '';
  #median = null;
  #comparedAt = 0;

  constructor({ name, id, refresh }) {
    Object.assign(this, { name, id });
    this.title = `Run ${id.slice(0, 8)} of ${name}`;
    this.end = h('button', { type: 'button', class: 'primary', hidden: true, onclick: () => endRun(name, id, refresh) }, 'End run');
    this.delete = h('button', {
      type: 'button', class: 'danger quiet', hidden: true, onclick: () => deleteRun(name, id, () => { location.hash = definitionHash(name); }),
    }, 'Delete run');
    this.status = h('span', {});
    this.late = h('span', { class: 'late' });
    this.newer = h('a', { class: 'button small', hidden: true }, 'Newer run');
    this.older = h('a', { class: 'button small', hidden: true }, 'Older run');
    this.content = h('div', {}, loading('the run', 4));
    const slash = () => h('span', { 'aria-hidden': 'true' }, ' / ');
    this.element = h('article', {},
      h('div', { class: 'above' },
        h('nav', { class: 'path', 'aria-label': 'Path' }, h('a', { href: overviewHash }, 'Overview'), slash(), h('a', { href: definitionHash(name) }, name), slash(), 'Run'),
        h('nav', { class: 'actions', 'aria-label': 'Runs before and after' }, this.newer, this.older)),
      h('header', { class: 'head' }, h('h1', { tabindex: '-1', class: 'id' }, id), copyButton(id, 'the run id'), this.status, this.late,
        h('span', { class: 'actions' }, this.end, this.delete)),
      this.content);
  }

  /** A run that has ended does not change, except that somebody may delete it. */
  interval() {
    return this.isRunning ? 5000 : 30_000;
  }

  close() {}

  async load(signal) {
    const run = await api.getRun(this.name, this.id, signal);
    details.keep(run);
    this.hasContent = true;
    this.isRunning = run.status === 'RUNNING';
    this.#show(run);
    if (this.newer.hidden && Date.now() - this.#comparedAt > COMPARISON_AGE) await this.#compare(run, signal);
    setText(this.late, lateness(run, this.#median) ?? '');
  }

  #show(run) {
    // Nothing has changed: leave selection, focus and screen readers alone.
    if (JSON.stringify(run) === this.#shown) return;
    this.#shown = JSON.stringify(run);
    this.status.replaceChildren(badge(run.status));
    const focused = document.activeElement;
    this.end.hidden = !this.isRunning;
    this.delete.hidden = run.status === 'DELETING';
    if (focused?.hidden || this.content.contains(focused)) this.element.querySelector('h1').focus();
    const took = h('span', {});
    showDuration(took, run);
    const facts = {
      Status: source(run),
      Started: time(run.startedAt, stamp),
      Ended: run.endedAt ? time(run.endedAt, stamp) : h('span', { class: 'muted' }, this.isRunning ? 'not yet' : 'not known'),
      Duration: took,
      Model: run.modelId,
      'Log group': logGroup(run.logGroupName, run),
      ARN: h('span', { class: 'copyable' }, h('code', {}, run.workflowRunArn), copyButton(run.workflowRunArn, 'the ARN')),
    };
    this.content.replaceChildren(
      h('dl', { class: 'card' }, Object.entries(facts).map(([term, value]) => h('div', {}, h('dt', {}, term), h('dd', {}, value)))),
      snippet('AWS CLI', getRunCommand(this.name, this.id), { secret }), snippet('As the API gives it', JSON.stringify(run, null, 2), { what: 'JSON' }));
  }

  /** Reads the runs before and after this one. Who may not list runs goes without. */
  async #compare(run, signal) {
    const nextToken = positionOf(run);
    const read = (options) => api.listRuns(this.name, { nextToken, ...options }, signal)
      .then((response) => response.workflowRunSummaries, (error) => { if (error.name === 'ApiError') return []; throw error; });
    const [older, newer] = await Promise.all([read({ maxResults: OTHERS }), read({ maxResults: 1, sortOrder: 'Ascending' })]);
    this.#comparedAt = Date.now();
    this.#median = typical(older);
    for (const [link, [other]] of [[this.older, older], [this.newer, newer]]) {
      link.hidden = !other;
      if (other) link.setAttribute('href', runHash(this.name, other.workflowRunId));
    }
  }
}

/** Where a run's status comes from. */
function source(run) {
  if (run.status === 'RUNNING') return 'Nobody has recorded an end.';
  if (!run.endedAt) return statusLabel(run.status);
  // A client's own end hardly ever comes a whole number of hours after the start, to the millisecond.
  if (run.status === 'TIMED_OUT' && elapsed(run) % HOUR === 0) return `Derived: it was still running ${duration(elapsed(run))} after its start, the API's timeout.`;
  return `Recorded by a client: UpdateWorkflowRun with ${run.status}.`;
}
