// The Test box: an event for a function, and what came of it.

import { send } from '/_sqlambda/api.js';
import { byId, h, millis } from '/_sqlambda/dom.js';
import { parts } from '/_sqlambda/invocations.js';
import { templates } from '/_sqlambda/templates.js';

const KEY = 'sqlambda-test';

export class Test {
  #form = byId('test');
  #all = [];
  #wanted = null;
  /** The last event of each function. */
  #events = {};

  constructor() {
    const { function: name, template, event } = this.#form.elements;
    try {
      const kept = JSON.parse(localStorage.getItem(KEY)) ?? {};
      this.#events = kept.events ?? {};
      this.#wanted = kept.function ?? null;
    } catch {
      // Nothing usable was kept, or the browser keeps nothing.
    }
    template.append(...Object.keys(templates).map((title) => h('option', {}, title)));
    template.addEventListener('change', () => {
      if (!template.value) return;
      event.value = JSON.stringify(templates[template.value], null, 2);
      template.value = '';
      this.#check();
      event.focus();
    });
    name.addEventListener('change', () => {
      this.#wanted = name.value;
      this.#choose();
    });
    event.addEventListener('input', () => this.#check());
    event.addEventListener('keydown', (press) => {
      if (press.key === 'Enter' && (press.ctrlKey || press.metaKey)) this.#form.requestSubmit();
    });
    byId('format').addEventListener('click', () => {
      if (this.#check()) event.value = JSON.stringify(JSON.parse(event.value || '{}'), null, 2);
    });
    this.#form.addEventListener('submit', (submit) => {
      submit.preventDefault();
      this.#run();
    });
    this.#idle();
  }

  show([name]) {
    if (name) {
      this.#wanted = name;
      this.#choose();
    }
  }

  functions(all) {
    const names = (list) => list.map((one) => [one.name, one.versions.map((v) => v.version), one.aliases.map((a) => a.name)]);
    if (JSON.stringify(names(all)) === JSON.stringify(names(this.#all))) return;
    this.#all = all;
    this.#form.elements.function.replaceChildren(...all.map((one) => h('option', { value: one.name }, one.name)));
    this.#choose();
  }

  /** Shows the wanted function, its qualifiers and the last event it got. */
  #choose() {
    const { function: select, qualifier, event } = this.#form.elements;
    const one = this.#all.find((each) => each.name === this.#wanted) ?? this.#all[0];
    byId('run').disabled = !one;
    if (!one) return;
    select.value = one.name;
    const before = qualifier.value;
    const names = ['', ...one.aliases.map((alias) => alias.name), ...one.versions.map((version) => version.version)];
    qualifier.replaceChildren(...names.map((name) => h('option', { value: name }, name || '$LATEST')));
    if (names.includes(before)) qualifier.value = before;
    event.value = this.#events[one.name] ?? JSON.stringify(templates.Hello, null, 2);
    this.#check();
  }

  /** Says whether the event is JSON. */
  #check() {
    const { event } = this.#form.elements;
    const state = byId('event-state');
    const problem = problemOf(event.value);
    event.setAttribute('aria-invalid', String(Boolean(problem)));
    state.toggleAttribute('data-bad', Boolean(problem));
    const text = problem ? `Not JSON: ${problem}` : event.value.trim() ? 'Valid JSON' : 'Empty: {} is sent';
    if (state.textContent !== text) state.textContent = text;
    return !problem;
  }

  async #run() {
    const { function: name, qualifier, type, event } = this.#form.elements;
    if (!name.value || byId('run').disabled) return;
    if (!this.#check()) {
      event.focus();
      return;
    }
    this.#keep(name.value, event.value);
    byId('run').disabled = true;
    const began = performance.now();
    byId('result').replaceChildren(h('h2', {}, 'Result'), h('p', { class: 'muted spinner' }, `Calling ${name.value}`));
    try {
      const query = new URLSearchParams({ function: name.value, qualifier: qualifier.value, type: type.value });
      this.#done(await send('POST', `invoke?${query}`, event.value), performance.now() - began);
    } catch (error) {
      byId('result').replaceChildren(h('h2', {}, 'Result'), h('p', { class: 'failure' }, error.message));
    } finally {
      byId('run').disabled = false;
    }
  }

  #done({ status, message, id, invocation }, elapsed) {
    const place = byId('result');
    const title = (text) => h('h2', {}, text);
    if (status === 202) {
      place.replaceChildren(title('Accepted'),
        h('p', {}, 'The event is queued. Its attempts appear among the ', h('a', { href: '#/' }, 'invocations'), ', and it is in the ', h('a', { href: '#/queue' }, 'queue'), ' until it has ended.'),
        h('dl', { class: 'facts' }, h('div', { class: 'all' }, h('dt', {}, 'Request ID'), h('dd', {}, h('code', {}, id)))));
    } else if (!invocation) {
      place.replaceChildren(title(`Refused: ${status}`), h('p', { class: 'failure' }, message));
    } else {
      const took = `${millis(elapsed)} from here`;
      place.replaceChildren(
        h('div', { class: 'split' }, title(invocation.status === 'success' ? 'Succeeded' : 'Failed'), h('span', { class: 'muted' }, took)),
        // What one wants to see first is the answer; the event stands beside.
        ...order(parts(invocation)));
    }
  }

  #keep(name, event) {
    this.#events[name] = event;
    try {
      localStorage.setItem(KEY, JSON.stringify({ function: name, events: this.#events }));
    } catch {
      // It is full, or switched off: the event is there until the page is closed.
    }
  }

  #idle() {
    byId('result').replaceChildren(h('h2', {}, 'Result'), h('p', { class: 'empty' }, 'Answer, duration and log appear here.'));
  }
}

/** Without the event, which is in the box. */
function order(all) {
  const start = all.findIndex((element) => element.tagName === 'H3');
  return [...all.slice(0, start), ...all.slice(start + 2)];
}

function problemOf(text) {
  if (!text.trim()) return null;
  try {
    JSON.parse(text);
    return null;
  } catch (error) {
    return error.message;
  }
}
