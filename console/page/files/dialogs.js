// Questions: end a run, delete something, create a definition.

import { api } from './api.js';
import { announce, h } from './dom.js';
import { badge, statusLabel } from './format.js';
import { describe } from './states.js';

const NAME = '[a-zA-Z0-9_\\-]{1,40}';
const BUCKET = '[a-z0-9][a-z0-9.\\-]*[a-z0-9]';

/** Shows a dialog and runs its action on confirmation. It closes when the action succeeds. */
function ask({ title, content, action, danger, focus, run, fields = {} }) {
  const error = h('div', { class: 'error', role: 'alert' });
  const confirm = h('button', { type: 'submit', class: danger ? 'danger' : 'primary' }, action);
  const cancel = h('button', { type: 'button', onclick: () => dialog.close() }, 'Cancel');
  const form = h('form', { novalidate: true }, h('h2', { id: 'dialog-title' }, title), h('div', { id: 'dialog-text' }, content), error,
    h('p', { class: 'actions' }, cancel, confirm));
  const isForm = Object.keys(fields).length > 0;
  const dialog = h('dialog', { 'aria-labelledby': 'dialog-title', 'aria-describedby': !isForm && 'dialog-text' }, form);
  const opener = document.activeElement;

  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (confirm.disabled) return;
    error.replaceChildren();
    for (const field of Object.values(fields)) field.complain('');
    const invalid = Object.values(fields).find((field) => !field.check());
    if (invalid) { invalid.input.focus(); return; }
    confirm.disabled = true;
    try {
      await run();
      dialog.close();
    } catch (failure) {
      if (failure.name !== 'ApiError') throw failure;
      const rest = failure.fields.filter(({ name, message }) => !fields[name]?.complain(message));
      const { title: what, code } = describe(failure);
      const inWords = ['invalid', 'conflict'].includes(failure.kind) ? [failure.message] : [`${what}. `, code ?? failure.message];
      if (failure.fields.length === 0 || rest.length > 0) error.replaceChildren(...inWords, ...rest.map(({ name, message }) => h('p', {}, `${name}: ${message}`)));
      else failure.fields.map(({ name }) => fields[name])[0].input.focus();
    } finally {
      confirm.disabled = false;
    }
  });
  dialog.addEventListener('close', () => {
    dialog.remove();
    if (opener?.isConnected) opener.focus();
    else document.querySelector('main h1')?.focus();
  });
  document.body.append(dialog);
  dialog.showModal();
  // A careless Enter must not delete anything.
  (focus ?? (danger ? cancel : confirm)).focus();
}

/** A labelled input with a hint and an error message. */
function field(label, { hint, multiline, ...attributes }) {
  const id = `field-${label.toLowerCase().replaceAll(' ', '-')}`;
  const input = h(multiline ? 'textarea' : 'input', { id, autocomplete: 'off', spellcheck: 'false', 'aria-describedby': `${id}-hint ${id}-error`, ...attributes });
  const complaint = h('p', { class: 'complaint', id: `${id}-error` });
  const element = h('div', { class: 'field' }, h('label', { for: id }, label), input, h('p', { class: 'hint', id: `${id}-hint` }, hint), complaint);
  return {
    element, input,
    value: () => input.value || undefined,
    check() { return input.checkValidity() || !this.complain(input.validity.valueMissing ? 'It is required.' : hint); },
    complain(message) {
      complaint.textContent = message;
      input.setAttribute('aria-invalid', String(Boolean(message)));
      return true;
    },
  };
}

/** Asks how a run has ended. */
export function endRun(name, id, done) {
  const choices = ['SUCCEEDED', 'FAILED', 'TIMED_OUT'].map((status, index) =>
    h('label', { class: 'choice' }, h('input', { type: 'radio', name: 'status', value: status, checked: index === 0 }), badge(status)));
  const set = h('fieldset', {}, h('legend', {}, 'The run has'), choices);
  ask({
    title: 'End this run?',
    content: [h('p', {}, 'A run ends once: its status cannot be changed afterwards. ', h('code', {}, id)), set],
    action: 'End run',
    focus: choices[0].firstChild,
    async run() {
      const status = set.querySelector(':checked').value;
      await api.endRun(name, id, status);
      announce(`Run ended: ${statusLabel(status)}`);
      done();
    },
  });
}

/** Asks whether to delete a run. */
export function deleteRun(name, id, done) {
  ask({
    title: 'Delete this run?',
    content: h('p', {}, 'The run ', h('code', {}, id), ' of ', h('strong', {}, name), ' will be gone for good. Its log group stays.'),
    action: 'Delete run',
    danger: true,
    async run() {
      await api.deleteRun(name, id);
      announce('Run deleted');
      done();
    },
  });
}

/** Asks whether to delete a definition. */
export function deleteDefinition(name, done) {
  ask({
    title: `Delete ${name}?`,
    content: h('p', {}, 'The definition ', h('strong', {}, name), ' and ', h('strong', {}, 'all of its runs'), ' will be gone for good. Log groups stay.'),
    action: 'Delete definition and runs',
    danger: true,
    async run() {
      await api.deleteDefinition(name);
      announce(`Definition ${name} is being deleted`);
      done();
    },
  });
}

/** Asks for a new definition. */
export function createDefinition(done) {
  const name = field('Name', { required: true, pattern: NAME, maxlength: 40, hint: '1 to 40 letters, digits, hyphens and underscores.' });
  const description = field('Description', { multiline: true, rows: 3, maxlength: 4000, hint: 'Optional.' });
  const bucket = field('S3 bucket', { pattern: BUCKET, minlength: 3, maxlength: 63, hint: 'Optional. 3 to 63 lower-case letters, digits, dots and hyphens.' });
  const prefix = field('S3 key prefix', { maxlength: 100, hint: 'Optional.' });
  const more = h('details', {}, h('summary', {}, 'Export configuration'), bucket.element, prefix.element);
  // Retries with the same content keep the token: if the first answer was lost, the retry finds the definition.
  let token = crypto.randomUUID();
  let sent = '';
  ask({
    title: 'Create a workflow definition',
    content: [name.element, description.element, more],
    action: 'Create',
    focus: name.input,
    fields: { name, description, 'exportConfig.s3BucketName': bucket, 'exportConfig.s3KeyPrefix': prefix },
    async run() {
      const exportConfig = bucket.value() || prefix.value() ? { s3BucketName: bucket.value(), s3KeyPrefix: prefix.value() } : undefined;
      const content = { name: name.value(), description: description.value(), exportConfig };
      if (JSON.stringify(content) !== sent) {
        if (sent) token = crypto.randomUUID();
        sent = JSON.stringify(content);
      }
      await api.createDefinition({ ...content, clientToken: token });
      announce(`Definition ${content.name} created`);
      done(content.name);
    },
  });
}
