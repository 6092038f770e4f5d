// The list of definitions in the sidebar.

import { api, createCommand } from './api.js';
import { arrange, command, h, setText } from './dom.js';
import { absolute, statusLabel } from './format.js';
import { describe, loading, state } from './states.js';

/** The page's address of a definition. */
export const definitionHash = (name) => `#/definitions/${encodeURIComponent(name)}`;

/** The page's address of a run. */
export const runHash = (name, id) => `${definitionHash(name)}/runs/${encodeURIComponent(id)}`;

export class Definitions {
  #list = h('ul', {});
  #items = new Map();
  #more = h('button', { type: 'button', class: 'quiet', hidden: true, onclick: () => this.#readMore() }, 'More definitions');
  #nextToken;
  #pages = 1;
  #readAt = 0;

  constructor(element) {
    this.element = element;
    element.append(loading('the definitions', 3));
  }

  /** The names, newest first; `undefined` until they have been read. */
  names;

  /** Reads the list again if it is older than `age`. Shows and throws errors. */
  async load(signal, age = 0) {
    if (Date.now() - this.#readAt < age) return;
    this.#readAt = Date.now();
    let definitions = [];
    try {
      let token;
      for (let page = 0; page < this.#pages && (page === 0 || token); page += 1) {
        const answer = await api.listDefinitions(token, signal);
        definitions = definitions.concat(answer.workflowDefinitionSummaries);
        token = answer.nextToken;
      }
      this.#nextToken = token;
    } catch (error) {
      // Retry with the next refresh, which backs off.
      this.#readAt = 0;
      if (error.name === 'ApiError' && this.names === undefined) this.#refuse(error);
      throw error;
    }
    this.names = definitions.map((definition) => definition.workflowDefinitionName);
    this.#show(definitions);
  }

  /** Marks a definition as the current one. */
  select(name) {
    this.selected = name;
    for (const [key, { link }] of this.#items) {
      if (key === name) link.setAttribute('aria-current', 'page');
      else link.removeAttribute('aria-current');
    }
  }

  async #readMore() {
    this.#pages += 1;
    const before = this.#items.size;
    await this.load(undefined).catch(() => {});
    [...this.#items.values()][before]?.link.focus();
  }

  #show(definitions) {
    const rows = definitions.map((definition) => {
      const name = definition.workflowDefinitionName;
      if (!this.#items.has(name)) {
        const note = h('span', { class: 'note' });
        const link = h('a', { href: definitionHash(name) }, h('span', { class: 'name' }, name), note);
        this.#items.set(name, { link, note, row: h('li', {}, link) });
      }
      const { note, row } = this.#items.get(name);
      const isActive = definition.status === 'ACTIVE';
      setText(note, isActive ? absolute(new Date(definition.createdAt)).split(',')[0] : statusLabel(definition.status));
      note.classList.toggle('warn', !isActive);
      return row;
    });
    const names = new Set(this.names);
    for (const name of [...this.#items.keys()]) if (!names.has(name)) this.#items.delete(name);
    arrange(this.#list, rows);
    this.#more.hidden = !this.#nextToken;
    if (this.#list.parentElement !== this.element) this.element.replaceChildren(this.#list, this.#more);
    this.select(this.selected);
  }

  /** Without the permission to list, a definition can still be opened by its name. */
  #refuse(error) {
    const input = h('input', { id: 'open-name', maxlength: 40, autocomplete: 'off', spellcheck: 'false' });
    const form = h('form', { class: 'open' }, h('label', { for: 'open-name' }, 'Open a definition by its name'), input, h('button', {}, 'Open'));
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      if (input.value) location.hash = definitionHash(input.value);
    });
    this.element.replaceChildren(h('p', { class: 'muted', 'data-state': error.kind }, error.kind === 'denied' ? 'You are not allowed to list them.' : `${describe(error).title}.`), error.kind === 'denied' ? form : '');
  }
}

/** What to do in an account without definitions. */
export function firstDefinition(create) {
  return state('No definitions yet', {
    text: 'A workflow definition names a kind of work; each run belongs to one. Create the first one here, or from a terminal:',
    actions: [h('button', { type: 'button', class: 'primary', onclick: create }, 'Create a definition')],
  }, command('curl', createCommand));
}
