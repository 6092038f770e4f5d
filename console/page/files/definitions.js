// The list of definitions, and the sidebar that shows it.

import { definitionHash, overviewHash } from './address.js';
import { api } from './api.js';
import { arrange, h, setText } from './dom.js';
import { statusLabel } from './format.js';
import { describe, loading } from './states.js';

export class Definitions {
  /** The definitions, newest first, and whether there are more; `undefined` until they have been read. */
  all;
  hasMore = false;

  #list = h('ul', {});
  #items = new Map();
  #pages = 1;
  #readAt = 0;
  #selected;

  constructor(element) {
    this.element = element;
    this.overview = h('a', { href: overviewHash }, 'Overview');
    this.content = h('div', {}, loading('the definitions', 3));
    element.append(this.overview, h('h2', {}, 'Definitions'), this.content);
  }

  /** Reads the list again if it is older than `age`. Shows and throws errors. */
  async load(signal, age = 0) {
    if (Date.now() - this.#readAt < age) return;
    this.#readAt = Date.now();
    let all = [];
    let nextToken;
    try {
      for (let page = 0; page < this.#pages && (page === 0 || nextToken); page += 1) {
        const response = await api.listDefinitions({ maxResults: 100, nextToken }, signal);
        all = all.concat(response.workflowDefinitionSummaries);
        ({ nextToken } = response);
      }
    } catch (error) {
      // Retry with the next refresh, which backs off.
      this.#readAt = 0;
      if (error.name === 'ApiError' && !this.all) {
        const title = error.kind === 'denied' ? 'You are not allowed to list them' : describe(error).title;
        this.content.replaceChildren(h('p', { class: 'muted', 'data-state': error.kind }, `${title}.`));
      }
      throw error;
    }
    this.all = all;
    this.hasMore = Boolean(nextToken);
    this.#show();
  }

  /** Reads one page more, now and from now on. */
  async more(signal) {
    this.#pages += 1;
    await this.load(signal);
  }

  /** Marks a definition, or the overview, as the current one. */
  select(name, view) {
    this.#selected = name;
    this.#mark(this.overview, view === 'overview');
    for (const [key, { link }] of this.#items) this.#mark(link, key === name);
  }

  #mark(link, isCurrent) {
    if (isCurrent) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }

  #show() {
    const rows = this.all.map(({ workflowDefinitionName: name, status }) => {
      if (!this.#items.has(name)) {
        const note = h('span', { class: 'note' });
        const link = h('a', { href: definitionHash(name) }, h('span', { class: 'name' }, name), note);
        this.#items.set(name, { link, note, row: h('li', {}, link) });
      }
      const { note, row } = this.#items.get(name);
      setText(note, status === 'ACTIVE' ? '' : statusLabel(status));
      return row;
    });
    for (const [name, { row }] of this.#items) if (!rows.includes(row)) this.#items.delete(name);
    arrange(this.#list, rows);
    if (this.#list.parentElement !== this.content) this.content.replaceChildren(this.#list);
    for (const [key, { link }] of this.#items) this.#mark(link, key === this.#selected);
  }
}
