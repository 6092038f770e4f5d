// One definition: what it is, which of its runs are wanted, a picture of them, and the runs themselves, page by page.

import { overviewHash, runHash } from './address.js';
import { api, secret } from './api.js';
import { Chart } from './chart.js';
import { deleteDefinition } from './dialogs.js';
import { announce, arrange, h, setText, snippet } from './dom.js';
import { facts } from './facts.js';
import { Filters } from './filters.js';
import { badge, stamp, statusLabel } from './format.js';
import { startCommands } from './outside.js';
import { Pager, searchFor } from './pager.js';
import { Search } from './search.js';
import { loading, state } from './states.js';
import { typical } from './statistics.js';
import { RunTable } from './table.js';

/** While a definition is being deleted, this many of the runs that are left are counted. */
const COUNTED = 100;

/** How long the definition itself stays fresh. */
const DEFINITION_AGE = 30_000;

export class DefinitionView {
  #readAt = 0;
  /** The search that is under way, the one that is shown, and the one to go on with. */
  #current;
  #shown;
  #resumed;
  /** What to do once a new page or filter is there. */
  #arrive;

  constructor({ name, place, definitions, refresh }) {
    Object.assign(this, { name, definitions, refresh });
    this.title = name;
    this.status = h('span', {});
    this.facts = h('div', { class: 'facts' });
    this.delete = h('button', { type: 'button', class: 'danger quiet', hidden: true, onclick: () => deleteDefinition(name, () => this.#deleted()) }, 'Delete definition');
    this.filters = new Filters(name);
    this.chart = new Chart((id) => { location.hash = runHash(name, id); });
    this.table = new RunTable(name);
    this.pager = new Pager(name, () => { this.#arrive = () => this.#focusTable(); });
    this.searched = h('span', {});
    this.stop = h('button', { type: 'button', class: 'small', onclick: () => this.#current.stop() }, 'Stop');
    this.goOn = h('button', { type: 'button', class: 'small', onclick: () => this.#goOn() }, 'Search on');
    this.progress = h('p', { class: 'progress' }, this.searched, this.stop, this.goOn);
    this.content = h('div', {}, loading('the runs'));
    this.element = h('article', {},
      h('nav', { class: 'path', 'aria-label': 'Path' }, h('a', { href: overviewHash }, 'Overview'), h('span', { 'aria-hidden': 'true' }, ' /')),
      h('header', { class: 'head' }, h('h1', { tabindex: '-1' }, name), this.status, this.delete), this.facts, this.filters.element, this.content);
    this.goTo(place);
    this.#arrive = undefined;
  }

  /** Turns to another page or filter, which `load` reads. */
  goTo(place) {
    this.place = place;
    this.hasContent = false;
    this.#shown = this.#resumed = undefined;
    this.#arrive ??= () => announce(this.#title(this.#shown.found.length));
    this.filters.show(place);
    this.content.setAttribute('aria-busy', 'true');
  }

  /**
   * How long what is shown stays fresh. `null`: an older page does not change, and an unfinished search waits to be
   * told to go on. One that takes many calls is repeated less often, so that it makes as few in the long run.
   */
  interval() {
    if (this.isDeleted || this.place.page > 1 || !this.#shown.isComplete) return null;
    return Math.max(5000, this.#shown.calls * 2500);
  }

  close() {
    this.table.close();
    this.pager.close();
  }

  async load(signal) {
    try {
      const wasDeleting = this.isDeleting;
      const definition = this.#loadDefinition(signal);
      // One that is being deleted may be gone while its runs are still listed.
      if (wasDeleting) await definition;
      await Promise.all([definition, this.#loadRuns(signal)]);
      if (this.isDeleting && !wasDeleting) await this.#loadRuns(signal);
    } catch (error) {
      if (!this.isDeleting || error.kind !== 'missing') throw error;
      this.#showDeleted();
    }
  }

  async #loadDefinition(signal) {
    if (!this.isDeleting && Date.now() - this.#readAt < DEFINITION_AGE) return;
    let definition;
    try {
      definition = await api.getDefinition(this.name, signal);
    } catch (error) {
      // A caller may be allowed to read runs but not definitions.
      if (error.kind !== 'denied') throw error;
      definition = {};
    }
    this.#readAt = Date.now();
    this.isDeleting = definition.status === 'DELETING';
    this.isDeleted = false;
    this.delete.hidden = this.filters.element.hidden = this.isDeleting;
    // Nothing has changed: leave selection, focus and screen readers alone.
    if (JSON.stringify(definition) === this.definition) return;
    this.definition = JSON.stringify(definition);
    this.status.replaceChildren(definition.status ? badge(definition.status) : '');
    this.facts.replaceChildren(...facts(definition));
  }

  async #loadRuns(signal) {
    const search = this.#current = this.#resumed
      ?? (this.isDeleting ? new Search(this.name, { wanted: COUNTED }) : searchFor(this.name, this.place));
    // A refresh leaves what is there until it has found as much; a first search shows what it finds.
    const isRefresh = this.#shown && !this.#resumed;
    this.#resumed = undefined;
    try {
      await search.run(signal, () => { if (!isRefresh && !search.isComplete) this.#show(search); });
    } catch (error) {
      if (!isRefresh && !signal.aborted && search.calls > 0) this.#resumed = search;
      throw error;
    }
    this.#shown = search;
    this.#show(search);
    this.#arrive?.();
    this.#arrive = undefined;
  }

  #goOn() {
    this.#resumed = this.#shown;
    this.refresh();
  }

  #show(search) {
    this.hasContent = true;
    this.content.removeAttribute('aria-busy');
    const { found } = search;
    this.table.show(found, typical(search.sample));
    this.chart.draw(found, this.#title(found.length));
    this.#showProgress(search);
    this.pager.show(this.place, search);
    let parts;
    if (this.isDeleting) parts = [this.#deleting(search), found.length > 0 && this.table.element];
    else if (found.length > 0) parts = [this.progress, this.chart.element, this.table.element, this.pager.element, this.#start()];
    else parts = [this.progress, search.isComplete && this.#nothing(), this.pager.element];
    arrange(this.content, parts.filter(Boolean));
  }

  #title(number) {
    const { page, status } = this.place;
    const runs = `${status ? `${statusLabel(status).toLowerCase()} ` : ''}${number === 1 ? 'run' : 'runs'}`;
    return page > 1 ? `Page ${page}: ${number} ${runs}` : `Last ${number === 1 ? '' : `${number} `}${runs}`;
  }

  #showProgress(search) {
    const isRunning = !search.isComplete && search !== this.#shown;
    const back = !search.isComplete && search.last ? `, back to ${stamp(new Date(search.last.startedAt))}` : '';
    this.progress.hidden = !this.place.status;
    setText(this.searched, `Searched ${search.seen.toLocaleString('en')} ${search.seen === 1 ? 'run' : 'runs'}${back}`);
    const focused = document.activeElement;
    this.stop.hidden = !isRunning;
    this.goOn.hidden = isRunning || search.isComplete;
    if ([this.stop, this.goOn].includes(focused) && focused.hidden) (this.goOn.hidden ? this.element.querySelector('h1') : this.goOn).focus();
  }

  #focusTable() {
    announce(`Page ${this.place.page}`);
    this.table.element.scrollIntoView({ block: 'nearest' });
    this.table.focus({ preventScroll: this.place.page === 1 });
  }

  #commands() {
    return Object.entries(startCommands(this.name)).map(([label, text]) => snippet(label, text, { secret }));
  }

  #start() {
    this.start ??= h('details', { class: 'start' }, h('summary', {}, 'Start a run from a terminal'), this.#commands());
    return this.start;
  }

  /** In place of runs. */
  #nothing() {
    const { status, from, to, page } = this.place;
    if (!status && !from && !to && page === 1) {
      this.noRuns ??= state('No runs yet', { text: 'Start the first one from a terminal. It appears here by itself.' }, ...this.#commands());
      return this.noRuns;
    }
    const what = `${page > 1 ? 'older ' : ''}${status ? `${statusLabel(status).toLowerCase()} ` : ''}runs`;
    return state(`No ${what}`, { text: from || to ? 'None has been started between these dates.' : '', kind: 'none' });
  }

  /** Over the runs that are left. */
  #deleting(search) {
    this.rest ??= state('This definition is being deleted', { text: ' ', kind: 'deleting' });
    const number = search.found.length;
    const left = search.isAtEnd ? `${number === 1 ? 'One run is' : `${number} runs are`} left` : `More than ${number} runs are left`;
    setText(this.rest.querySelector('p'), number > 0
      ? `${left}. It starts no more runs, and this goes on by itself.`
      : 'All of its runs are deleted. Its name is free again in a few minutes, as this page will say.');
    return this.rest;
  }

  #showDeleted() {
    if (this.isDeleted) return;
    this.isDeleted = true;
    this.definition = undefined;
    this.content.removeAttribute('aria-busy');
    this.status.replaceChildren();
    this.content.replaceChildren(state('This definition is deleted', {
      text: 'Its name can be used again.', kind: 'deleted', actions: [h('a', { href: overviewHash }, 'Show all definitions')],
    }));
    announce(`Definition ${this.name} is deleted`);
    this.definitions.load().catch(() => {});
  }

  #deleted() {
    this.#readAt = 0;
    this.definitions.load().catch(() => {});
    this.refresh();
  }
}
