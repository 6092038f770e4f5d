// Elements without markup: whatever comes from the API becomes a text node or an attribute's value, never HTML.

const SVG = 'http://www.w3.org/2000/svg';

function fill(element, properties, children) {
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.flat().filter((child) => child !== undefined && child !== null && child !== false));
  return element;
}

/** An HTML element. Strings among the children are text. */
export function h(tag, properties, ...children) {
  return fill(document.createElement(tag), properties, children);
}

/** An SVG element. */
export function svg(tag, properties, ...children) {
  return fill(document.createElementNS(SVG, tag), properties, children);
}

/** Sets an element's text only if it differs, to leave selections and screen readers alone. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Gives a list these children in this order, and moves only those out of place. */
export function arrange(parent, children) {
  const wanted = new Set(children);
  for (const child of [...parent.children]) if (!wanted.has(child)) child.remove();
  children.forEach((child, index) => {
    if (parent.children[index] !== child) parent.insertBefore(child, parent.children[index] ?? null);
  });
}

/** Announces a text to screen readers. */
export function announce(text) {
  const announcer = document.getElementById('announcer');
  announcer.textContent = '';
  // A live region speaks when its text changes: the same text twice must change too.
  setTimeout(() => { announcer.textContent = text; }, 50);
}

/** A button that copies a text, or what a function returns. */
export function copyButton(text, what, label = 'Copy') {
  const button = h('button', { type: 'button', class: 'quiet small', 'aria-label': `Copy ${what}` }, label);
  button.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(typeof text === 'function' ? text() : text);
      setText(button, 'Copied');
      announce(`Copied ${what}`);
    } catch {
      setText(button, 'Not allowed');
    }
    setTimeout(() => setText(button, label), 1500);
  });
  return button;
}

/** A text to copy, such as a command to paste into a terminal. What is `secret` in it is copied, but not shown. */
export function snippet(label, text, { what = `${label} command`, secret } = {}) {
  const shown = secret ? text.replaceAll(secret, '…') : text;
  return h('figure', { class: 'snippet' },
    h('figcaption', {}, label, copyButton(text, `the ${what}`)),
    h('pre', { tabindex: '0', role: 'region', 'aria-label': what }, h('code', {}, shown)));
}
