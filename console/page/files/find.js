// Finds a run by what people paste: its id, the beginning of one, its ARN, or a link of this page.

import { SHORTEST, definitionHash, findHash, isId, overviewHash, readReference, runHash } from './address.js';
import { api } from './api.js';
import { announce, arrange, h, setText } from './dom.js';
import { badge, stamp, time } from './format.js';
import { Pace } from './pace.js';
import { PATIENCE, Search } from './search.js';
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
  /** The searches to go on with. */
  #searches;

  constructor({ text, first, definitions, refresh }) {
    Object.assign(this, { text, first, definitions });
    this.title = `Find ${text}`;
    this.reference = readReference(text);
    this.searched = h('span', {});
    this.stop = h('button', { type: 'button', class: 'small', onclick: () => { this.#isStopped = true; } }, 'Stop');
    this.goOn = h('button', { type: 'button', class: 'small', hidden: true, onclick: refresh }, 'Search on');
    this.progress = h('p', { class: 'progress' }, this.searched, this.stop, this.goOn);
    this.list = h('ul', { class: 'card found' });
    this.none = h('div', {});
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
    this.#showStop(true);
    this.none.replaceChildren();
    arrange(this.content, [this.progress, this.list, this.none]);
    const names = await this.#names(signal);
    await (isId(this.reference.id) ? this.#ask(names, signal) : this.#search(names, signal));
    this.#showStop(false);
    announce(this.searched.textContent);
  }

  #showStop(isRunning) {
    const focused = document.activeElement;
    this.#isStopped = false;
    this.stop.hidden = !isRunning;
    this.goOn.hidden = isRunning || !this.#searches;
    if ([this.stop, this.goOn].includes(focused) && focused.hidden) {
      ([this.stop, this.goOn].find((button) => !button.hidden) ?? this.element.querySelector('h1')).focus();
    }
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
      setText(this.searched, `Asked ${index + 1} of ${count(names)}`);
      await asks.turn(signal);
      try {
        await api.getRun(name, id, signal);
        location.replace(runHash(name, id));
        return;
      } catch (error) {
        if (!['missing', 'denied'].includes(error.kind)) throw error;
      }
    }
    this.#showNone(names);
  }

  /** Looks through a page of each definition, then through the next ones: the newest runs come first. */
  async #search(names, signal) {
    const { id } = this.reference;
    const matches = (run) => run.workflowRunId.startsWith(id);
    if (!this.#searches) this.list.replaceChildren();
    const searches = this.#searches ??= names.map((name) => [name, new Search(name, { matches })]);
    const open = () => searches.filter(([, search]) => !search.isComplete);
    const seen = () => searches.reduce((sum, [, search]) => sum + search.seen, 0);
    const limit = seen() + PATIENCE;
    while (open().length > 0 && !this.#isStopped && seen() < limit) {
      for (const [name, search] of open()) {
        const found = await this.#step(name, search, signal);
        if (found.length > 0 && id.length >= SURE) { location.replace(runHash(name, found[0].workflowRunId)); return; }
        setText(this.searched, `Searched ${seen().toLocaleString('en')} runs of ${count(names)}`);
        if (this.#isStopped) return;
      }
    }
    if (open().length > 0) return;
    this.#searches = undefined;
    const links = this.list.querySelectorAll('a.id');
    if (links.length === 1) location.replace(links[0].hash);
    if (links.length === 0) this.#showNone(names);
  }

  /** Looks through a page and shows what it has found. */
  async #step(name, search, signal) {
    const before = search.found.length;
    try {
      await search.step(signal);
    } catch (error) {
      // It has been deleted since, or its runs are not for this caller.
      if (!['missing', 'denied'].includes(error.kind)) throw error;
      search.isAtEnd = true;
    }
    const found = search.found.slice(before);
    this.list.append(...found.map((run) => item(name, run)));
    return found;
  }

  #showNone(names) {
    if (this.#isStopped) return;
    this.none.replaceChildren(state('No such run', { text: `No run of ${count(names)} begins with ${this.text}.`, kind: 'none' }));
  }
}

const count = (names) => (names.length === 1 ? 'one definition' : `${names.length} definitions`);

function item(name, run) {
  return h('li', {}, badge(run.status), h('a', { class: 'id', href: runHash(name, run.workflowRunId) }, run.workflowRunId),
    h('a', { href: definitionHash(name) }, name), time(run.startedAt, stamp));
}
