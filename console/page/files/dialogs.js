// Questions: end a run, delete something, create a definition.

import { api } from './api.js';
import { announce, h, setText } from './dom.js';
import { badge, stamp, statusLabel, time } from './format.js';
import { describe } from './states.js';

const NAME = '[a-zA-Z0-9_\\-]{1,40}';
const BUCKET = '[a-z0-9][a-z0-9.\\-]*[a-z0-9]';

/**
 * Shows a dialog and runs its action on confirmation. It closes when the action succeeds. Without an action it only tells
 * something. Returns the button that confirms.
 */
function ask({ title, text, content = [], action, danger, focus, run, fields = {} }) {
  const error = h('div', { class: 'error', role: 'alert' });
  const confirm = h('button', { type: 'submit', class: danger ? 'danger' : 'primary', hidden: !action }, action);
  const cancel = h('button', { type: 'button', onclick: () => dialog.close() }, action ? 'Cancel' : 'Close');
  const form = h('form', { novalidate: true }, h('h2', { id: 'dialog-title' }, title), text && h('p', { id: 'dialog-text' }, text), content, error,
    h('p', { class: 'actions' }, cancel, confirm));
  const dialog = h('dialog', { 'aria-labelledby': 'dialog-title', 'aria-describedby': text && 'dialog-text' }, form);
  const opener = document.activeElement;

  /** Each complaint goes under its field. What exists already is named by the first one. */
  function show(failure) {
    const [first] = Object.keys(fields);
    const complaints = failure.kind === 'conflict' && first ? [{ name: first, message: failure.message }] : failure.fields;
    const rest = complaints.filter(({ name, message }) => !fields[name]?.complain(message));
    if (complaints.length > 0 && rest.length === 0) { fields[complaints[0].name].input.focus(); return; }
    const { title: what, code } = describe(failure);
    const inWords = ['invalid', 'conflict'].includes(failure.kind) ? [failure.message] : [`${what}. `, code ?? failure.message];
    error.replaceChildren(...inWords, ...rest.map(({ name, message }) => h('p', {}, `${name}: ${message}`)));
  }

  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (confirm.disabled || confirm.hidden) return;
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
      show(failure);
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
  (focus ?? (danger || !action ? cancel : confirm)).focus();
  return confirm;
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

/** A choice between statuses, none of which is preselected. */
function choice(label, statuses) {
  const inputs = statuses.map((status) => h('input', { type: 'radio', name: 'status', value: status, 'aria-describedby': 'choice-error' }));
  const complaint = h('p', { class: 'complaint', id: 'choice-error', role: 'alert' });
  const element = h('fieldset', {}, h('legend', {}, label), inputs.map((input) => h('label', { class: 'choice' }, input, badge(input.value))), complaint);
  return {
    element,
    input: inputs[0],
    value: () => inputs.find((input) => input.checked)?.value,
    check() { return Boolean(this.value()) || !this.complain('Choose how it has ended.'); },
    complain(message) { setText(complaint, message); return true; },
  };
}

/** Asks how a run has ended. */
export function endRun(name, id, done) {
  const status = choice('The run has', ['SUCCEEDED', 'FAILED', 'TIMED_OUT']);
  const confirm = ask({
    title: 'End this run?',
    text: ['This records a status for good: a run ends once. It stops no agent. ', h('code', { class: 'line' }, id)],
    content: status.element,
    action: 'Record the end',
    focus: status.input,
    fields: { status },
    async run() {
      try {
        await api.endRun(name, id, status.value());
        announce(`Run ended: ${statusLabel(status.value())}`);
      } catch (error) {
        if (error.kind !== 'conflict') throw error;
        tellEnd(await api.getRun(name, id));
      }
      done();
    },
  });
  status.element.addEventListener('change', () => setText(confirm, `Record “${statusLabel(status.value())}”`));
}

/** Tells that somebody else has ended a run. */
function tellEnd(run) {
  ask({
    title: 'The run had already ended',
    text: [badge(run.status), ' was recorded ', time(run.endedAt, stamp), '. Nothing has changed since: a run ends once.'],
  });
}

/** Asks whether to delete a run. */
export function deleteRun(name, id, done) {
  ask({
    title: 'Delete this run?',
    text: ['The run ', h('code', {}, id), ' of ', h('strong', {}, name), ' will be gone for good. Its log group stays.'],
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
    text: ['The definition ', h('strong', {}, name), ' and ', h('strong', {}, 'all of its runs'), ' will be gone for good. Log groups stay.'],
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
  // Retries with the same content keep the token: if the first response was lost, the retry finds the definition.
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
