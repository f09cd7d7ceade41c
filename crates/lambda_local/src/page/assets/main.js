// Which view is shown, and where its news comes from.

import { follow, get, pause } from '/_sqlambda/api.js';
import { byId, plural } from '/_sqlambda/dom.js';
import { Functions } from '/_sqlambda/functions.js';
import { Invocations } from '/_sqlambda/invocations.js';
import { Queue } from '/_sqlambda/queue.js';
import { Test } from '/_sqlambda/test.js';

const views = { invocations: new Invocations(), functions: new Functions(), test: new Test(), queue: new Queue() };

let shown = null;

/** `#/functions/NAME` shows the view `functions` with `NAME`. */
function route() {
  const [view, ...rest] = location.hash.replace(/^#\//, '').split('/').map(decode);
  const name = Object.hasOwn(views, view) ? view : 'invocations';
  for (const section of document.querySelectorAll('section[data-view]')) section.hidden = section.dataset.view !== name;
  for (const link of document.querySelectorAll('nav a')) {
    if (link.dataset.view === name) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  document.title = `${byId(`h-${name}`).textContent} · sqlambda local`;
  // Someone who reads with the keyboard or a screen reader starts at the new view's heading.
  if (shown && shown !== name) byId(`h-${name}`).focus();
  shown = name;
  views[name].show(rest);
}

function decode(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function connection(live) {
  const link = byId('link');
  const state = live ? 'live' : 'gone';
  if (link.dataset.state === state) return;
  link.dataset.state = state;
  link.textContent = live ? 'Live' : 'No answer';
  byId('gone').hidden = live;
  byId('gone').textContent = live ? '' : 'The service does not answer. This page goes on by itself when it is there again.';
}

async function overview() {
  const { service, functions } = await get('overview');
  byId('where').textContent = `${service.region} · ${service.account} · ${service.version}`;
  byId('where').title = `Region, account, version. Running since ${new Date(service.started).toLocaleString()}`;
  byId('logout').hidden = !service.token;
  for (const view of Object.values(views)) view.functions?.(functions);
  byId('function-count').textContent = plural(functions.length, 'function');
}

// The skip link would change the address, which says what is shown.
byId('skip').addEventListener('click', (event) => {
  event.preventDefault();
  byId('main').focus();
});
window.addEventListener('hashchange', route);
route();

/** Nobody looks at a hidden page: it asks again when it is shown. */
function visible() {
  if (!document.hidden) return Promise.resolve();
  return new Promise((done) => document.addEventListener('visibilitychange', done, { once: true }));
}

follow(async () => {
  await visible();
  await views.invocations.news();
}, connection);
follow(async () => {
  await visible();
  await overview();
  await pause(2000);
}, () => {});
follow(async () => {
  await visible();
  await views.queue.news();
  await pause(2000);
}, () => {});
