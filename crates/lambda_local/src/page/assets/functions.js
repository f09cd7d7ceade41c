// The functions: state, configuration, versions, aliases, environments.

import { byId, h } from '/_sqlambda/dom.js';

export class Functions {
  #all = null;
  #drawn = '';

  show() {
    this.#render();
  }

  functions(all) {
    this.#all = all;
    this.#render();
  }

  #render() {
    const place = byId('functions');
    if (!this.#all) {
      place.replaceChildren(h('p', { class: 'muted spinner' }, 'Loading'));
      return;
    }
    // Drawn again only when something is different: the focus and selected text stay.
    const drawn = JSON.stringify(this.#all);
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    const focused = document.activeElement?.id;
    place.replaceChildren(...(this.#all.length ? this.#all.map(card) : [nothing()]));
    if (focused && place.querySelector(`#${CSS.escape(focused)}`)) byId(focused).focus();
  }
}

function nothing() {
  return h('div', { class: 'card empty' },
    h('p', {}, 'No function yet. Start the service with a folder that holds some, or make one:'),
    h('pre', {}, 'aws lambda create-function --function-name hello --runtime python3.13 \\\n  --handler lambda_function.lambda_handler --zip-file fileb://hello.zip \\\n  --role arn:aws:iam::000000000000:role/any'));
}

function card(one) {
  const name = encodeURIComponent(one.name);
  const fact = (title, value, place) => h('div', { class: place }, h('dt', {}, title), h('dd', {}, value));
  return h('article', { class: 'card', 'aria-label': one.name },
    h('div', { class: 'split' },
      h('div', {}, h('h2', {}, one.name), one.description ? h('p', { class: 'muted' }, one.description) : null),
      h('div', { class: 'actions' },
        h('span', { class: `state ${one.state}` }, one.state),
        h('a', { class: 'button quiet', id: `test-${one.name}`, href: `#/test/${name}`, 'aria-label': `Test ${one.name}` }, 'Test'))),
    one.reason ? h('p', { class: 'failure' }, one.reason) : null,
    h('dl', { class: 'facts' },
      fact('Runtime', one.runtime),
      fact('Timeout', `${one.timeout} s`),
      fact('Memory', `${one.memory} MB`),
      fact('Environments', environments(one.environments)),
      fact('Reserved', one.reserved === null ? 'none' : one.reserved === 0 ? '0: throttled' : String(one.reserved)),
      fact('Handler', h('code', {}, one.handler), 'two'),
      fact('Changed', one.modified.slice(0, 19).replace('T', ' ') + ' UTC', 'two'),
      fact('From', one.folder ?? 'the API', 'all'),
      one.versions.length ? fact('Versions', chips(one.versions.map((version) => version.description ? `${version.version}: ${version.description}` : version.version)), 'all') : null,
      one.aliases.length ? fact('Aliases', chips(one.aliases.map(alias)), 'all') : null,
      one.variables.length ? fact('Environment variables', h('div', {}, chips(one.variables, true), h('p', { class: 'hint' }, 'Names only: values may be secrets.')), 'all') : null));
}

function environments({ starting, idle, busy }) {
  const parts = [[busy, 'busy'], [idle, 'idle'], [starting, 'starting']].filter(([count]) => count);
  return parts.length ? parts.map(([count, word]) => `${count} ${word}`).join(', ') : 'none';
}

function alias({ name, version, weights }) {
  const others = weights.map(([other, weight]) => `, ${Math.round(weight * 100)} % to ${other}`).join('');
  return `${name} → ${version}${others}`;
}

function chips(texts, code) {
  return h('ul', { class: 'chips' }, texts.map((text) => h('li', {}, code ? h('code', {}, text) : text)));
}
