// What a definition is: its description, when it was created, where it exports to.

import { h, setText } from './dom.js';
import { stamp, time } from './format.js';

/** A longer description is folded. */
const LONG = { characters: 240, lines: 3 };

export function facts({ description, createdAt, exportConfig }) {
  const { s3BucketName: bucket, s3KeyPrefix: prefix } = exportConfig ?? {};
  return [
    description && folded(description),
    createdAt && h('span', {}, 'Created ', time(createdAt, stamp)),
    bucket && h('span', {}, 'Export to ', h('code', {}, `s3://${bucket}${prefix ? `/${prefix}` : ''}`)),
  ].filter(Boolean);
}

function folded(text) {
  const paragraph = h('p', { class: 'description' }, text);
  if (text.length <= LONG.characters && text.split('\n').length <= LONG.lines) return paragraph;
  const toggle = h('button', { type: 'button', class: 'small quiet' });
  const fold = (isFolded) => {
    paragraph.classList.toggle('folded', isFolded);
    toggle.setAttribute('aria-expanded', String(!isFolded));
    setText(toggle, isFolded ? 'Show all' : 'Show less');
  };
  toggle.addEventListener('click', () => fold(!paragraph.classList.contains('folded')));
  fold(true);
  return h('div', {}, paragraph, toggle);
}
