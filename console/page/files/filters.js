// Which runs are shown: by status and by date. All of it is in the address.

import { STATUSES, definitionHash } from './address.js';
import { h, svg } from './dom.js';
import { shape, statusClass, statusLabel, zone } from './format.js';

function chip(status) {
  if (!status) return h('a', { class: 'chip' }, 'All');
  return h('a', { class: `chip ${statusClass(status)}` },
    svg('svg', { viewBox: '-8 -8 16 16', width: 13, height: 13, 'aria-hidden': 'true' }, shape(status)), statusLabel(status));
}

export class Filters {
  #name;
  #place;
  #chips = [undefined, ...STATUSES].map((status) => ({ status, link: chip(status) }));
  #from = this.#date('from');
  #to = this.#date('to');
  #anyTime = h('a', { class: 'chip' }, 'Any time');

  constructor(name) {
    this.#name = name;
    this.element = h('div', { class: 'filters' },
      h('ul', { class: 'chips', 'aria-label': 'Runs by status' }, this.#chips.map(({ link }) => h('li', {}, link))),
      h('div', { class: 'dates', role: 'group', 'aria-label': `Started, in ${zone()}` },
        h('label', {}, 'From ', this.#from), h('label', {}, 'to ', this.#to), this.#anyTime));
  }

  show(place) {
    this.#place = place;
    const { status, from, to } = place;
    for (const { status: own, link } of this.#chips) {
      link.setAttribute('href', definitionHash(this.#name, { status: own, from, to }));
      if (own === status) link.setAttribute('aria-current', 'true');
      else link.removeAttribute('aria-current');
    }
    this.#from.value = from ?? '';
    this.#to.value = to ?? '';
    this.#anyTime.hidden = !from && !to;
    this.#anyTime.setAttribute('href', definitionHash(this.#name, { status }));
  }

  #date(member) {
    // While a year is being typed, it is 2, 20 and 202 first.
    const input = h('input', { type: 'date', min: '2000-01-01', max: '2999-12-31' });
    input.addEventListener('change', () => {
      const { status, from, to } = this.#place;
      if (input.checkValidity()) location.hash = definitionHash(this.#name, { status, from, to, [member]: input.value });
    });
    return input;
  }
}
