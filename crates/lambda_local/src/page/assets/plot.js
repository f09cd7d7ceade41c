// Durations over the last invocations, on a logarithmic scale. The table below says the same in words.

import { clock, h, millis, plural, svg } from '/_sqlambda/dom.js';

/** The newest so many are drawn: more would only cover each other. */
const DOTS = 300;
const HEIGHT = 150;
const LEFT = 58;
const BOTTOM = 18;

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Draws invocations that are sorted from the newest to the oldest. */
export function draw(place, invocations, chosen) {
  const shown = invocations.slice(0, DOTS).reverse();
  if (!shown.length) {
    place.replaceChildren(h('p', { class: 'muted' }, 'Each invocation that ends becomes a point here.'));
    return;
  }
  const width = Math.max(place.clientWidth, 280);
  const logs = shown.map((one) => Math.log10(Math.max(one.duration, 0.01)));
  const low = Math.floor(Math.min(...logs));
  const high = Math.max(Math.ceil(Math.max(...logs)), low + 1);
  const y = (log) => 6 + (HEIGHT - BOTTOM - 12) * (1 - (log - low) / (high - low));
  const step = (width - LEFT - 16) / Math.max(shown.length - 1, 23);
  const x = (index) => width - 10 - (shown.length - 1 - index) * step;
  const label = `Durations of the last ${plural(shown.length, 'invocation')}, oldest to newest: from `
    + `${millis(Math.min(...shown.map((one) => one.duration)))} to ${millis(Math.max(...shown.map((one) => one.duration)))}, `
    + `median ${millis(median(shown.map((one) => one.duration)))}. The table lists each.`;
  const lines = [];
  for (let power = low; power <= high; power += 1) {
    lines.push(svg('line', { x1: LEFT, x2: width, y1: y(power), y2: y(power) }));
    lines.push(svg('text', { x: LEFT - 8, y: y(power) + 4, 'text-anchor': 'end' }, tick(power)));
  }
  const dots = shown.map((one, index) => dot(one, x(index), y(logs[index]), one.number === chosen));
  const ends = [
    svg('text', { x: Math.max(x(0), LEFT), y: HEIGHT - 2 }, shown.length > 1 ? clock(shown[0].at).slice(0, 8) : ''),
    svg('text', { x: width, y: HEIGHT - 2, 'text-anchor': 'end' }, clock(shown.at(-1).at).slice(0, 8)),
  ];
  place.replaceChildren(svg('svg', { viewBox: `0 0 ${width} ${HEIGHT}`, role: 'img', 'aria-label': label }, lines, ends, dots));
}

function tick(power) {
  return power < 3 ? `${Number((10 ** power).toFixed(2))} ms` : `${10 ** (power - 3)} s`;
}

/** Shape and outline tell the kinds apart, not the colour alone. */
function dot(one, x, y, chosen) {
  const failed = one.status !== 'success';
  const kind = `dot${failed ? ' failed' : one.cold ? ' cold' : ''}${chosen ? ' chosen' : ''}`;
  const title = svg('title', {}, `${one.function}, ${millis(one.duration)}, ${one.status}${one.cold ? ', cold' : ''}`);
  const open = () => { location.hash = `#/invocations/${one.number}`; };
  return failed
    ? svg('path', { class: kind, d: `M${x} ${y - 5}l5 5-5 5-5-5z`, onclick: open }, title)
    : svg('circle', { class: kind, cx: x, cy: y, r: 4, onclick: open }, title);
}
