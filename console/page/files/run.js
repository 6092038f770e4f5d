// One run in detail.

import { api } from './api.js';
import { definitionHash } from './definitions.js';
import { logGroup } from './definition.js';
import { details } from './details.js';
import { deleteRun, endRun } from './dialogs.js';
import { copyButton, h } from './dom.js';
import { badge, showDuration, time } from './format.js';
import { loading } from './states.js';

export class RunView {
  #shown = '';

  constructor({ name, id, refresh }) {
    Object.assign(this, { name, id, refresh });
    this.title = `Run ${id.slice(0, 8)} of ${name}`;
    this.end = h('button', { type: 'button', class: 'primary', hidden: true, onclick: () => endRun(name, id, refresh) }, 'End run');
    this.delete = h('button', {
      type: 'button', class: 'danger quiet', hidden: true, onclick: () => deleteRun(name, id, () => { location.hash = definitionHash(name); }),
    }, 'Delete run');
    this.status = h('span', {});
    this.content = h('div', {}, loading('the run', 4));
    this.element = h('article', {},
      h('nav', { class: 'path', 'aria-label': 'Path' }, h('a', { href: definitionHash(name) }, name), h('span', { 'aria-hidden': 'true' }, ' / '), 'Run'),
      h('header', { class: 'head' }, h('h1', { tabindex: '-1', class: 'id' }, id), this.status, copyButton(id, 'the run id'),
        h('span', { class: 'actions' }, this.end, this.delete)),
      this.content);
  }

  hasContent = false;

  /** A run that has ended does not change, except that somebody may delete it. */
  interval() {
    return this.running ? 5000 : 30_000;
  }

  close() {}

  async load(signal) {
    const run = await api.getRun(this.name, this.id, signal);
    details.keep(run);
    this.hasContent = true;
    this.running = run.status === 'RUNNING';
    // Nothing has changed: leave selection, focus and screen readers alone.
    if (JSON.stringify(run) === this.#shown) return;
    this.#shown = JSON.stringify(run);
    this.status.replaceChildren(badge(run.status));
    const focused = document.activeElement;
    this.end.hidden = !this.running;
    this.delete.hidden = run.status === 'DELETING';
    if (focused?.hidden) this.element.querySelector('h1').focus();
    const took = h('span', {});
    showDuration(took, run);
    const facts = {
      Started: time(run.startedAt),
      Ended: run.endedAt ? time(run.endedAt) : h('span', { class: 'muted' }, this.running ? 'not yet' : 'not known'),
      Duration: took,
      Model: run.modelId,
      'Log group': logGroup(run.logGroupName),
      ARN: h('span', { class: 'copyable' }, h('code', {}, run.workflowRunArn), copyButton(run.workflowRunArn, 'the ARN')),
    };
    this.content.replaceChildren(h('dl', { class: 'card' }, Object.entries(facts).map(([term, value]) => h('div', {}, h('dt', {}, term), h('dd', {}, value)))));
  }
}
