// The service's answers for this page.

const BASE = '/_sqlambda/api/';

/** What the service says is wrong. */
export class Refused extends Error {}

async function ask(path, options) {
  const answer = await fetch(BASE + path, { cache: 'no-store', ...options });
  if (answer.status === 401) {
    // The session has ended: the same address now shows the sign-in form.
    location.reload();
    return new Promise(() => {});
  }
  const type = answer.headers.get('content-type') ?? '';
  const body = type.startsWith('application/json') ? await answer.json() : null;
  if (!answer.ok) throw new Refused(body?.message ?? `The service answered ${answer.status}`);
  return body;
}

export const get = (path) => ask(path, {});

// The header makes it a request that no other site's page can send.
export const send = (method, path, body) =>
  ask(path, { method, body, headers: { 'x-sqlambda-page': '1', 'content-type': 'application/json' } });

/** One of the page's sources of news: asks, hands on, and asks again; says when it fails. */
export async function follow(next, onState) {
  let failures = 0;
  for (;;) {
    try {
      await next();
      failures = 0;
      onState(true);
    } catch (error) {
      if (!(error instanceof Refused) && !(error instanceof TypeError)) console.error(error);
      failures += 1;
      onState(false);
      await pause(Math.min(500 * failures, 5000));
    }
  }
}

export const pause = (ms) => new Promise((done) => setTimeout(done, ms));
