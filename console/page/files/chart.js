// A picture of the last runs: one mark per run, ordered by start, its height the duration, its shape the status.

import { h, svg } from './dom.js';
import { absolute, duration, elapsed, shape, statusClass, statusLabel } from './format.js';

const HEIGHT = 190;
const LEFT = 52;
const RIGHT = 14;
const TOP = 16;
const BOTTOM = 26;

// Durations differ by orders of magnitude: the axis is logarithmic, with ticks at familiar durations.
const MARKS = [
  [100, '0.1 s'], [1000, '1 s'], [10_000, '10 s'], [60_000, '1 min'], [600_000, '10 min'], [3_600_000, '1 h'],
  [21_600_000, '6 h'], [86_400_000, '1 d'], [604_800_000, '7 d'], [2_592_000_000, '30 d'],
];

const ORDER = ['RUNNING', 'SUCCEEDED', 'FAILED', 'TIMED_OUT', 'DELETING'];

function count(runs) {
  const counts = new Map(ORDER.map((status) => [status, 0]));
  for (const { status } of runs) counts.set(status, (counts.get(status) ?? 0) + 1);
  return [...counts].filter(([, number]) => number > 0);
}

/** The picture in words. */
function summary(runs) {
  const ended = runs.filter((run) => run.endedAt).map(elapsed).sort((a, b) => a - b);
  const parts = count(runs).map(([status, number]) => `${number} ${statusLabel(status).toLowerCase()}`);
  const times = ended.length > 0
    ? ` Median duration ${duration(ended[Math.floor(ended.length / 2)])}, longest ${duration(ended.at(-1))}.` : '';
  return `${runs.length} ${runs.length === 1 ? 'run' : 'runs'}: ${parts.join(', ')}.${times}`;
}

/** A figure that `draw` updates. */
export class Chart {
  #runs = [];
  #drawing = svg('svg', { height: HEIGHT, role: 'img' });
  #legend = h('ul', { class: 'legend' });
  #title = h('h2', {});
  #words = h('p', { class: 'muted' });

  constructor(open) {
    this.open = open;
    this.element = h('figure', { class: 'chart' },
      h('figcaption', {}, this.#title, this.#legend, this.#words), this.#drawing);
    new ResizeObserver(() => this.#draw()).observe(this.element);
  }

  /** Draws these runs, which come newest first. */
  draw(runs, title) {
    this.#runs = runs;
    this.#title.textContent = title;
    this.element.hidden = runs.length === 0;
    this.#draw();
  }

  #draw() {
    const width = Math.max(280, this.element.clientWidth - 34);
    const runs = this.#runs.toReversed();
    const longest = Math.max(1000, ...runs.map(elapsed));
    const shortest = Math.min(longest / 10, ...runs.map(elapsed));
    const low = MARKS.findLast(([value]) => value <= Math.max(100, shortest)) ?? MARKS[0];
    const high = MARKS.find(([value]) => value >= longest) ?? [longest, ''];
    const scale = (value) => {
      const part = Math.log(Math.max(value, low[0]) / low[0]) / Math.log(high[0] / low[0]);
      return HEIGHT - BOTTOM - Math.min(1, part) * (HEIGHT - TOP - BOTTOM);
    };
    const step = Math.min(36, (width - LEFT - RIGHT) / Math.max(1, runs.length));
    const x = (index) => width - RIGHT - (runs.length - index - 0.5) * step;

    const lines = MARKS.filter(([value]) => value >= low[0] && value <= high[0]).map(([value, text]) => [
      svg('line', { x1: LEFT, x2: width, y1: scale(value), y2: scale(value), class: 'grid' }),
      svg('text', { x: LEFT - 8, y: scale(value) + 4, 'text-anchor': 'end' }, text),
    ]);
    const marks = runs.map((run, index) => {
      const y = scale(elapsed(run));
      const size = Math.min(1, step / 15);
      return svg('g', { class: `mark ${statusClass(run.status)}`, onclick: () => this.open(run.workflowRunId) },
        svg('title', {}, `${statusLabel(run.status)}, ${duration(elapsed(run))}, started ${absolute(new Date(run.startedAt))}`),
        svg('rect', { x: x(index) - step / 2, y: TOP - 10, width: step, height: HEIGHT - TOP - BOTTOM + 10, class: 'hit' }),
        svg('line', { x1: x(index), x2: x(index), y1: HEIGHT - BOTTOM, y2: y, class: `stem${run.endedAt ? '' : ' dashed'}` }),
        svg('g', { transform: `translate(${x(index)} ${y}) scale(${size})` }, shape(run.status)));
    });
    const ends = runs.length > 0 && [
      svg('text', { x: Math.max(LEFT, x(0) - step / 2), y: HEIGHT - 6 }, runs.length > 1 ? absolute(new Date(runs[0].startedAt)) : ''),
      svg('text', { x: width, y: HEIGHT - 6, 'text-anchor': 'end' }, absolute(new Date(runs.at(-1).startedAt))),
    ];
    const words = summary(this.#runs);
    this.#drawing.setAttribute('width', width);
    this.#drawing.setAttribute('viewBox', `0 0 ${width} ${HEIGHT}`);
    this.#drawing.setAttribute('aria-label', words);
    this.#drawing.replaceChildren(...lines.flat(), ...marks, ...(ends || []));
    this.#words.textContent = words.slice(words.indexOf('.') + 1).trim();
    this.#legend.replaceChildren(...count(this.#runs).map(([status, number]) =>
      h('li', { class: statusClass(status) },
        svg('svg', { viewBox: '-8 -8 16 16', width: 14, height: 14, 'aria-hidden': 'true' }, shape(status)), `${number} ${statusLabel(status).toLowerCase()}`)));
  }
}
