// The list of invocations with its plot, and one of them in full.

import { get } from '/_sqlambda/api.js';
import { block, byId, bytes, clock, h, millis, moment, plural, pretty } from '/_sqlambda/dom.js';
import { draw, median } from '/_sqlambda/plot.js';

/** As many as the service keeps. */
const KEPT = 500;

export class Invocations {
  #all = new Map();
  #rows = new Map();
  #seen = 0;
  #started = null;
  #chosen = null;
  #detailOf = null;
  #loaded = false;

  constructor() {
    byId('filters').addEventListener('input', () => this.#render());
    byId('filters').addEventListener('submit', (event) => event.preventDefault());
    document.addEventListener('keydown', (event) => {
      if (event.key === 'Escape' && this.#chosen && !byId('detail').hidden) this.#close();
    });
    // The plot is as wide as its place, which opening an invocation makes smaller.
    new ResizeObserver(() => this.#render()).observe(byId('plot'));
    this.#render();
  }

  show([number]) {
    this.#chosen = number ? Number(number) : null;
    this.#render();
    this.#detail();
  }

  functions(all) {
    const select = byId('filters').elements.function;
    const names = all.map((one) => one.name);
    const known = [...select.options].slice(1).map((option) => option.value);
    if (names.join('\n') === known.join('\n')) return;
    const value = select.value;
    select.replaceChildren(select.options[0], ...names.map((name) => h('option', { value: name }, name)));
    select.value = names.includes(value) ? value : '';
    this.#render();
  }

  /** Waits for the next change and shows it. */
  async news() {
    const { started, changes, invocations } = await get(`invocations?after=${this.#seen}`);
    // The service was started anew: its numbers begin again.
    if (this.#started && started !== this.#started) {
      this.#all.clear();
      this.#rows.clear();
      this.#detailOf = null;
      this.#started = started;
      this.#seen = 0;
      return;
    }
    this.#started = started;
    this.#seen = changes;
    this.#loaded = true;
    for (const one of invocations) {
      this.#all.set(one.number, one);
      this.#rows.delete(one.number);
    }
    const numbers = [...this.#all.keys()].sort((a, b) => a - b);
    for (const number of numbers.slice(0, Math.max(0, numbers.length - KEPT))) {
      this.#all.delete(number);
      this.#rows.delete(number);
    }
    this.#render();
    this.#detail();
  }

  #matching() {
    const { function: name, status, id } = byId('filters').elements;
    const wanted = id.value.trim().toLowerCase();
    return [...this.#all.values()]
      .filter((one) => (!name.value || one.function === name.value) && (!status.value || one.status === status.value) && one.id.toLowerCase().includes(wanted))
      .sort((a, b) => b.number - a.number);
  }

  #render() {
    const found = this.#matching();
    const rows = found.map((one) => this.#row(one));
    const body = byId('rows');
    // What has the focus is not taken out of the page for a moment, or the focus would be lost.
    const before = [...body.children];
    if (before.length !== rows.length || before.some((row, index) => row !== rows[index])) place(body, rows);
    this.#empty(found.length);
    const ended = found.filter((one) => one.duration !== null);
    byId('counts').textContent = this.#loaded ? plural(found.length, 'invocation') : '';
    byId('plot-summary').textContent = ended.length
      ? `median ${millis(median(ended.map((one) => one.duration)))}, ${plural(ended.filter((one) => one.cold).length, 'cold start')}`
      : '';
    draw(byId('plot'), ended, this.#chosen);
  }

  #row(one) {
    let row = this.#rows.get(one.number);
    if (!row) {
      const address = `#/invocations/${one.number}`;
      row = h('tr', { onclick: () => { location.hash = address; } },
        h('td', { class: 'time mono' }, clock(one.at)),
        h('td', { class: 'name', title: one.function }, h('a', { href: address }, named(one))),
        h('td', {}, h('span', { class: `state ${one.status}` }, one.status)),
        h('td', { class: 'number' }, one.status === 'running' ? '…' : millis(one.duration)),
        h('td', {}, one.cold === null ? '' : one.cold ? h('span', { class: 'state cold' }, 'cold') : h('span', { class: 'muted' }, 'warm')),
        h('td', { class: 'wide muted' }, one.type),
        h('td', { class: 'wide request mono', title: one.id }, one.id));
      this.#rows.set(one.number, row);
    }
    if (one.number === this.#chosen) row.setAttribute('aria-current', 'true');
    else row.removeAttribute('aria-current');
    return row;
  }

  #empty(count) {
    const place = byId('no-rows');
    const filtered = this.#all.size > 0;
    const state = count ? '' : !this.#loaded ? 'loading' : filtered ? 'filtered' : 'none';
    if (place.dataset.state === state) return;
    place.dataset.state = state;
    byId('list').hidden = state !== '';
    const contents = {
      '': [],
      loading: [h('p', { class: 'spinner' }, 'Loading')],
      filtered: [h('p', {}, 'No invocation matches the filter.'), h('button', { class: 'quiet', type: 'button', onclick: () => { byId('filters').reset(); this.#render(); } }, 'Show all')],
      none: [
        h('p', {}, 'No invocation yet. Call a function from SQL, the AWS CLI or an SDK, and it appears here:'),
        h('pre', {}, `export AWS_ENDPOINT_URL_LAMBDA=${location.origin}\naws lambda invoke --function-name NAME /dev/stdout`),
        h('p', {}, h('a', { href: '#/test' }, 'Or call one from here')),
      ],
    };
    place.replaceChildren(...contents[state]);
  }

  #close() {
    const link = this.#rows.get(this.#chosen)?.querySelector('a');
    location.hash = '#/';
    link?.focus();
  }

  async #detail() {
    const aside = byId('detail');
    const number = this.#chosen;
    byId('panes').classList.toggle('open', number !== null);
    aside.hidden = number === null;
    const known = this.#all.get(number);
    // Asked again only when it has changed: scrolling and selected text stay as they are.
    const version = number === null ? null : `${number} ${known?.status}`;
    if (version === this.#detailOf) return;
    this.#detailOf = version;
    if (number === null) return;
    const close = h('button', { class: 'quiet', type: 'button', onclick: () => this.#close() }, 'Close');
    try {
      const one = await get(`invocations/${number}`);
      if (this.#chosen !== number) return;
      aside.replaceChildren(h('div', { class: 'row' }, h('h2', {}, named(one)), close), ...parts(one));
    } catch (error) {
      this.#detailOf = null;
      aside.replaceChildren(h('div', { class: 'row' }, h('h2', {}, `Invocation ${number}`), close), h('p', { class: 'failure' }, error.message));
    }
  }
}

/** Makes `rows` the children of `body`, moving as few as possible. */
function place(body, rows) {
  const wanted = new Set(rows);
  for (const row of [...body.children]) if (!wanted.has(row)) row.remove();
  rows.forEach((row, index) => {
    if (body.children[index] !== row) body.insertBefore(row, body.children[index] ?? null);
  });
}

function named(one) {
  const qualifier = one.qualifier ?? (one.version === '$LATEST' ? null : one.version);
  return qualifier ? `${one.function}:${qualifier}` : one.function;
}

/** What there is to say about one invocation: figures, event, answer and log. */
export function parts(one) {
  const fact = (name, value, place) => h('div', { class: place }, h('dt', {}, name), h('dd', {}, value));
  const facts = h('dl', { class: 'facts' },
    fact('Status', h('span', { class: `state ${one.status}` }, one.status)),
    fact('Duration', millis(one.duration)),
    one.billed === null ? null : fact('Billed', `${one.billed} ms`),
    one.cold === null ? null : fact('Start', one.cold ? (one.init === null ? 'cold' : `cold, init ${millis(one.init)}`) : 'warm'),
    one.memory_used === null ? null : fact('Memory', `${one.memory_used} of ${one.memory} MB`),
    fact('Version', one.version),
    fact('Type', one.type),
    fact('Began', moment(one.at), 'two'),
    fact('Request ID', h('code', {}, one.id), 'all'));
  const running = one.status === 'running';
  return [
    facts,
    one.error ? h('p', { class: 'failure' }, reason(one)) : null,
    one.status === 'throttled' ? h('p', { class: 'failure' }, 'Refused: as many executions as the concurrency allows were running.') : null,
    ...excerpt('Event', one.event),
    ...(running || one.status === 'throttled' ? [] : answer(one)),
    ...(one.status === 'throttled' ? [] : running ? [h('p', { class: 'muted spinner' }, 'Running')] : block('Log', null, one.log)),
  ].filter(Boolean);
}

function reason(one) {
  try {
    const { errorMessage } = JSON.parse(one.answer.text);
    return errorMessage ? `${one.error}: ${errorMessage}` : one.error;
  } catch {
    return one.error;
  }
}

function answer(one) {
  if (one.type === 'ResponseStream' && !one.answer.length) {
    return [h('h3', {}, 'Answer'), h('p', { class: 'muted' }, 'Streamed to the caller, and not kept.')];
  }
  return excerpt('Answer', one.answer);
}

function excerpt(title, { text, length, cut }) {
  const note = cut ? `the first ${bytes(new Blob([text]).size)} of ${bytes(length)}` : bytes(length);
  return block(title, note, cut ? text : pretty(text));
}
