// The queue of events, and the dead letters.

import { get, send } from '/_sqlambda/api.js';
import { block, byId, bytes, distance, h, moment, pretty, toast } from '/_sqlambda/dom.js';

export class Queue {
  #queue = null;
  #open = null;
  #drawn = '';

  show() {
    this.#render();
  }

  async news() {
    this.#queue = await get('queue');
    const badge = byId('letters-badge');
    badge.hidden = !this.#queue.dead_letters;
    badge.textContent = this.#queue.dead_letters;
    badge.setAttribute('aria-label', `${this.#queue.dead_letters} dead letters`);
    this.#render();
  }

  #render() {
    const place = byId('queue');
    if (!this.#queue) {
      place.replaceChildren(h('p', { class: 'muted spinner' }, 'Loading'));
      return;
    }
    // Drawn again only when something is different, and every ten seconds for the times.
    const drawn = JSON.stringify([this.#queue, this.#open, Math.floor(Date.now() / 10000)]);
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    const focused = document.activeElement?.id;
    const queue = this.#queue;
    const total = (name, value) => h('div', {}, h('dt', {}, name), h('dd', {}, value.toLocaleString('en')));
    place.replaceChildren(
      h('dl', { class: 'totals' },
        total('Queued', queue.queued), total('Running', queue.running), total('To be tried again', queue.retrying),
        total('Dead letters', queue.dead_letters), total('Succeeded', queue.totals.succeeded), total('Failed or expired', queue.totals.failed + queue.totals.expired)),
      ...this.#items(queue), ...this.#letters(queue));
    if (focused && place.querySelector(`#${CSS.escape(focused)}`)) byId(focused).focus();
  }

  #items({ items, queued }) {
    const more = queued > items.length ? `The first ${items.length} of ${queued}.` : '';
    const rows = items.map((one) => h('tr', {},
      h('td', {}, h('span', { class: `state ${one.state}` }, one.state)),
      h('td', {}, subject(one)),
      h('td', { class: 'number' }, one.attempt),
      h('td', { title: moment(one.due) }, distance(one.due)),
      h('td', { title: moment(one.accepted) }, distance(one.accepted)),
      h('td', { class: 'number' }, bytes(one.bytes)),
      h('td', {}, one.problem ?? '')));
    return [h('h2', {}, 'Events'), rows.length
      ? table('Events', ['State', 'Function', '#Attempt', 'Due', 'Accepted', '#Size', 'Last problem'], rows)
      : h('div', { class: 'card empty' }, 'The queue is empty. Invoke with --invocation-type Event puts events here.'), h('p', { class: 'hint' }, more)];
  }

  #letters({ letters, dead_letters }) {
    const more = dead_letters > letters.length ? `The newest ${letters.length} of ${dead_letters}.` : '';
    const rows = letters.flatMap((one) => {
      const button = (word, verb, action, quiet = 'quiet') =>
        h('button', { class: quiet, type: 'button', id: `${verb}-${one.id}`, 'aria-label': `${word} ${one.request_id}`, onclick: action }, word);
      const open = this.#open?.id === one.id;
      const row = h('tr', {},
        h('td', {}, subject(one)), h('td', {}, one.reason), h('td', { title: moment(one.since) }, distance(one.since)), h('td', { class: 'number' }, bytes(one.bytes)),
        h('td', {}, h('div', { class: 'actions' },
          button(open ? 'Hide' : 'Show', 'show', () => this.#show(one.id)),
          button('Redrive', 'redrive', () => this.#act('POST', one, `letters/${one.id}/redrive`, 'queued again')),
          button('Delete', 'delete', () => this.#delete(one), 'quiet danger'))));
      return open ? [row, h('tr', {}, h('td', { colspan: '5' }, block('Payload', this.#open.cut ? `the first part of ${bytes(one.bytes)}` : null, pretty(this.#open.text))))] : [row];
    });
    return [h('h2', {}, 'Dead letters'), rows.length
      ? table('Dead letters', ['Function', 'Reason', 'Since', '#Size', ''], rows)
      : h('div', { class: 'card empty' }, 'No dead letters. What a destination does not take lands here: it has no endpoint, or there is no such queue.'), h('p', { class: 'hint' }, more)];
  }

  async #show(id) {
    try {
      this.#open = this.#open?.id === id ? null : { id, ...await get(`letters/${id}`) };
    } catch (error) {
      toast(error.message);
    }
    this.#render();
  }

  async #delete(one) {
    if (confirm(`Delete the event ${one.request_id} of ${one.function}? It cannot be brought back.`)) {
      await this.#act('DELETE', one, `letters/${one.id}`, 'deleted');
    }
  }

  async #act(method, one, path, done) {
    try {
      await send(method, path);
      toast(`${one.request_id} ${done}`);
      await this.news();
      byId('h-queue').focus();
    } catch (error) {
      toast(error.message);
    }
  }
}

function subject(one) {
  return [h('div', {}, one.function), h('code', { class: 'muted' }, one.destination ? `to ${one.destination}` : one.request_id)];
}

function table(label, titles, rows) {
  const heads = titles.map((title) => h('th', { scope: 'col', class: title.startsWith('#') ? 'number' : null }, title.replace('#', '')));
  return h('div', { class: 'scroll', role: 'region', 'aria-label': label, tabindex: '0' }, h('table', {}, h('thead', {}, h('tr', {}, heads)), h('tbody', {}, rows)));
}
