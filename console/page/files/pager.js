// The way to other pages of a definition's runs. Each page has an address of its own.

import { definitionHash, positionOf } from './address.js';
import { h, setText } from './dom.js';
import { Search } from './search.js';

/** How many runs are on a page. */
const PAGE = 50;

/** The search for a page, or more, of the runs that a place in the address is about. */
export function searchFor(name, { status, from, to, after }, options = {}) {
  return new Search(name, { wanted: PAGE, matches: status && ((run) => run.status === status), from, to, after, ...options });
}

export class Pager {
  #name;
  #place;
  #first;
  #closing = new AbortController();
  #number = h('span', { class: 'muted' });

  /** Calls `turning` when somebody turns to another page. */
  constructor(name, turning) {
    this.#name = name;
    this.newest = h('a', { class: 'button', onclick: turning }, 'Newest');
    this.newer = h('button', { type: 'button', onclick: () => { turning(); this.#turnToNewer(); } }, 'Newer');
    this.older = h('a', { class: 'button', onclick: turning }, 'Older');
    this.element = h('nav', { class: 'pager', 'aria-label': 'Pages of runs' }, this.newest, this.newer, this.#number, this.older);
  }

  close() {
    this.#closing.abort();
  }

  /** Shows where a search that has come to its end leads to. */
  show(place, search) {
    const { status, from, to, page } = place;
    this.#place = place;
    this.#first = search.found[0];
    const older = search.isComplete && !search.isAtEnd && { status, from, to, page: page + 1, after: positionOf(search.found.at(-1)) };
    this.element.hidden = page === 1 && !older;
    this.newer.disabled = page === 1;
    follow(this.newest, page > 1 && definitionHash(this.#name, { status, from, to }));
    follow(this.older, older && definitionHash(this.#name, older));
    setText(this.#number, `Page ${page}`);
  }

  /** Counts from here: since the page before was shown, it may have become another one. */
  async #turnToNewer() {
    const { status, from, to, page, after } = this.#place;
    const newest = { status, from, to };
    if (page === 2) { location.hash = definitionHash(this.#name, newest); return; }
    this.newer.disabled = true;
    const position = this.#first ? positionOf(this.#first) : after;
    const search = searchFor(this.#name, { ...newest, after: position }, { wanted: PAGE + 1, isAscending: true });
    try {
      while (!search.isComplete) await search.run(this.#closing.signal);
    } catch (error) {
      if (error.name !== 'ApiError') return;
    }
    const before = search.found[PAGE];
    location.hash = definitionHash(this.#name, before ? { ...newest, page: page - 1, after: positionOf(before) } : newest);
  }
}

/** A link without an address cannot be followed. */
function follow(link, href) {
  if (href) {
    link.setAttribute('href', href);
    link.removeAttribute('aria-disabled');
  } else {
    link.removeAttribute('href');
    link.setAttribute('aria-disabled', 'true');
  }
}
