// Finds a run by what people paste: its id, the beginning of one, its ARN, or a link of this page.

import { SHORTEST, definitionHash, findHash, isId, overviewHash, readReference, runHash } from './address.js';
import { api } from './api.js';
import { announce, h, setText } from './dom.js';
import { badge, stamp, time } from './format.js';
import { Pace } from './pace.js';
import { Search } from './search.js';
import { loading, state } from './states.js';

/** This many characters of an id are as good as all: the first run that has them is the one. */
const SURE = 8;

/** Runs are asked for one by one as often as lists. */
const asks = new Pace(200);

const EXPECTED = `Enter a run's id, its first ${SHORTEST} characters or more, or an ARN.`;

/** The box in the header. `current` tells the definition on the page, which is looked through first. */
export function findBox(form, current) {
  const input = form.querySelector('input');
  const complaint = form.querySelector('[role=alert]');
  const complain = (message) => {
    setText(complaint, message);
    input.setAttribute('aria-invalid', String(Boolean(message)));
  };
  input.addEventListener('input', () => complain(''));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    if (!input.value.trim()) return;
    const reference = readReference(input.value);
    complain(reference ? '' : `This is not a run id. ${EXPECTED}`);
    if (!reference) return;
    location.hash = reference.hash ?? findHash(reference.id, current());
    input.value = '';
  });
}

export class FindView {
  hasContent = false;

  #isStopped = false;

  constructor({ text, first, definitions }) {
    Object.assign(this, { text, first, definitions });
    this.title = `Find ${text}`;
    this.reference = readReference(text);
    this.searched = h('span', {});
    this.stop = h('button', { type: 'button', class: 'small', onclick: () => { this.#isStopped = true; } }, 'Stop');
    this.progress = h('p', { class: 'progress' }, this.searched, this.stop);
    this.list = h('ul', { class: 'card found' });
    this.content = h('div', {}, loading('the runs', 3));
    this.element = h('article', {},
      h('nav', { class: 'path', 'aria-label': 'Path' }, h('a', { href: overviewHash }, 'Overview'), h('span', { 'aria-hidden': 'true' }, ' /')),
      h('header', { class: 'head' }, h('h1', { tabindex: '-1' }, `Find ${text}`)), this.content);
  }

  interval() {
    return null;
  }

  close() {
    this.#isStopped = true;
  }

  async load(signal) {
    this.hasContent = true;
    if (!this.reference) { this.content.replaceChildren(state('This is not a run id', { text: EXPECTED, kind: 'none' })); return; }
    if (this.reference.hash) { location.replace(this.reference.hash); return; }
    this.#isStopped = false;
    this.stop.hidden = false;
    this.list.replaceChildren();
    this.content.replaceChildren(this.progress, this.list);
    const names = await this.#names(signal);
    await (isId(this.reference.id) ? this.#ask(names, signal) : this.#search(names, signal));
    this.stop.hidden = true;
    announce(this.searched.textContent);
  }

  /** The definition that the page showed before, then the others. Who may not list them has the first only. */
  async #names(signal) {
    const { definitions, first } = this;
    try {
      await definitions.load(signal, 30_000);
      while (definitions.hasMore) await definitions.more(signal);
    } catch (error) {
      if (error.kind !== 'denied' || !first) throw error;
    }
    const names = (definitions.all ?? []).map((definition) => definition.workflowDefinitionName);
    return [...new Set([first, ...names].filter(Boolean))];
  }

  /** Asks for the run under each definition. */
  async #ask(names, signal) {
    const { id } = this.reference;
    for (const [index, name] of names.entries()) {
      if (this.#isStopped) break;
      setText(this.searched, `Asked in ${index} of ${names.length} definitions`);
      await asks.turn(signal);
      try {
        await api.getRun(name, id, signal);
        location.replace(runHash(name, id));
        return;
      } catch (error) {
        if (!['missing', 'denied'].includes(error.kind)) throw error;
      }
    }
    this.#end(`in ${names.length} ${names.length === 1 ? 'definition' : 'definitions'}`);
  }

  /** Looks through a page of each definition, then through the next ones: the newest runs come first. */
  async #search(names, signal) {
    const { id } = this.reference;
    const searches = names.map((name) => [name, new Search(name, { matches: (run) => run.workflowRunId.startsWith(id) })]);
    const found = [];
    const open = () => searches.filter(([, search]) => !search.isComplete);
    while (open().length > 0 && !this.#isStopped) {
      for (const [name, search] of open()) {
        const before = search.found.length;
        // It has been deleted since, or its runs are not for this caller.
        await search.step(signal).catch((error) => { if (!['missing', 'denied'].includes(error.kind)) throw error; search.isAtEnd = true; });
        for (const run of search.found.slice(before)) {
          found.push(runHash(name, run.workflowRunId));
          this.list.append(item(name, run));
        }
        if (found.length > 0 && id.length >= SURE) { location.replace(found[0]); return; }
        const seen = searches.reduce((sum, [, { seen: number }]) => sum + number, 0);
        setText(this.searched, `Searched ${seen.toLocaleString('en')} runs of ${names.length} definitions`);
        if (this.#isStopped) break;
      }
    }
    if (found.length === 1 && open().length === 0) location.replace(found[0]);
    else this.#end(`in ${names.length} definitions`);
  }

  #end(where) {
    if (this.list.children.length > 0) return;
    const text = this.#isStopped ? 'The search was stopped before it had seen all runs.' : `No run ${where} begins with ${this.text}.`;
    this.list.replaceWith(state('No such run', { text, kind: 'none' }));
  }
}

function item(name, run) {
  return h('li', {}, badge(run.status), h('a', { class: 'id', href: runHash(name, run.workflowRunId) }, run.workflowRunId),
    h('a', { href: definitionHash(name) }, name), time(run.startedAt, stamp));
}
