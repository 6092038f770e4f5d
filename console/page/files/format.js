// Formats times, durations and statuses.

import { h, setText, svg } from './dom.js';

const TIME = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const DAY = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });
const YEAR = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric' });
const ZONE = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', timeZoneName: 'short' });
const FULL = new Intl.DateTimeFormat('en-GB', { dateStyle: 'full', timeStyle: 'long' });

const LABELS = {
  RUNNING: 'Running', SUCCEEDED: 'Succeeded', FAILED: 'Failed', TIMED_OUT: 'Timed out', DELETING: 'Deleting', ACTIVE: 'Active',
};

/** The zone of a local time. */
export function zone(date = new Date()) {
  return ZONE.formatToParts(date).find(({ type }) => type === 'timeZoneName').value;
}

/** A time of day, with the date unless it is today. It names its zone only if that is not the current one. */
function absolute(date) {
  const now = new Date();
  const time = zone(date) === zone(now) ? TIME.format(date) : `${TIME.format(date)} ${zone(date)}`;
  if (date.toDateString() === now.toDateString()) return time;
  const day = date.getFullYear() === now.getFullYear() ? DAY : YEAR;
  return `${day.format(date)}, ${time}`;
}

/** A time that says its zone. */
export function stamp(date) {
  return zone(date) === zone() ? `${absolute(date)} ${zone()}` : absolute(date);
}

/** How long ago, in one unit. */
function relative(date) {
  const seconds = Math.round((Date.now() - date) / 1000);
  if (seconds < 5) return 'just now';
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
  const days = Math.floor(seconds / 86400);
  return days === 1 ? 'yesterday' : `${days} days ago`;
}

/** A duration in milliseconds, in at most two units. */
export function duration(milliseconds) {
  const seconds = Math.max(0, milliseconds) / 1000;
  if (seconds < 0.1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  const two = (value) => String(Math.floor(value)).padStart(2, '0');
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${two(seconds % 60)} s`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ${two((seconds % 3600) / 60)} min`;
  return `${Math.floor(seconds / 86400)} d ${Math.floor((seconds % 86400) / 3600)} h`;
}

/** How long a run has taken so far, in milliseconds. */
export function elapsed(run) {
  return (run.endedAt ? new Date(run.endedAt) : Date.now()) - new Date(run.startedAt);
}

/** A time, absolute and relative; `tick` updates the latter. `written` says how the former is written. */
export function time(iso, written = absolute) {
  const date = new Date(iso);
  return h('time', { datetime: iso, title: FULL.format(date) },
    h('span', { class: 'absolute' }, written(date)), ' ', h('span', { class: 'relative' }, relative(date)));
}

/** Updates relative times and the durations of running runs. */
export function tick(root) {
  for (const element of root.querySelectorAll('time .relative')) {
    setText(element, relative(new Date(element.parentElement.getAttribute('datetime'))));
  }
  for (const element of root.querySelectorAll('[data-running-since]')) {
    setText(element, duration(Date.now() - new Date(element.dataset.runningSince)));
  }
}

/** Shows a run's duration in an element. `tick` updates it while the run is running. */
export function showDuration(element, run) {
  setText(element, run.endedAt || run.status === 'RUNNING' ? duration(elapsed(run)) : '–');
  if (run.endedAt || run.status !== 'RUNNING') delete element.dataset.runningSince;
  else element.dataset.runningSince = run.startedAt;
}

/** A status in words. */
export function statusLabel(status) {
  return LABELS[status] ?? status;
}

/** The class that gives a status its colour. */
export function statusClass(status) {
  return `status-${LABELS[status] ? status.toLowerCase().replace('_', '-') : 'other'}`;
}

/** A shape for each status, so that colour is not the only sign: 16 by 16, around the origin. */
export function shape(status) {
  switch (status) {
    case 'RUNNING':
      return [svg('circle', { r: 5.5, class: 'line' }), svg('circle', { r: 2.4, class: 'area pulse' })];
    case 'SUCCEEDED':
    case 'ACTIVE':
      return [svg('circle', { r: 6.5, class: 'area' }), svg('path', { d: 'M-3 .2 -.8 2.4 3 -2.2', class: 'cut' })];
    case 'FAILED':
      return [svg('path', { d: 'M0-7.4 7.4 0 0 7.4-7.4 0Z', class: 'area' }), svg('path', { d: 'M-2-2 2 2M2-2-2 2', class: 'cut' })];
    case 'TIMED_OUT':
      return [svg('rect', { x: -6, y: -6, width: 12, height: 12, rx: 2.5, class: 'area' }), svg('path', { d: 'M0-3.2V.4L2.4 2', class: 'cut' })];
    default:
      return [svg('circle', { r: 5.5, class: 'line dashed' }), svg('path', { d: 'M-2.4 0h4.8', class: 'line' })];
  }
}

/** A status as colour, shape and word. */
export function badge(status) {
  return h('span', { class: `badge ${statusClass(status)}`, 'data-status': status },
    svg('svg', { viewBox: '-8 -8 16 16', width: 16, height: 16, 'aria-hidden': 'true' }, shape(status)), statusLabel(status));
}
