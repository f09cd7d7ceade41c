// Stands in for `rapid-client.node`, the native part of Amazon's aws-lambda-ric.
//
// The native part blocks while it posts an answer, so an answer is on its way before the function's
// process can exit. A plain socket keeps that promise: a write to a connected socket reaches the
// kernel before `write` returns. The client of `node:http` writes a tick later.
'use strict';

const http = require('node:http');
const Module = require('node:module');
const net = require('node:net');

const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(':');
const BASE = '/2018-06-01/runtime/invocation/';

let socket = null; // one connection, kept open
let received = Buffer.alloc(0);
let waiting = []; // one { resolve, reject } for each request under way, in order
let posted = Promise.resolve(); // the last answer; `next` is sent after it
let streamed = Promise.resolve(); // the same, of an answer that is streamed

function connect() {
  socket = net.connect({ host, port: Number(port), noDelay: true });
  socket.on('data', (chunk) => {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
    for (let answer = parse(); answer !== null; answer = parse()) waiting.shift().resolve(answer);
  });
  socket.on('error', fail);
  socket.on('close', () => fail(new Error('the Runtime API closed the connection')));
}

function fail(error) {
  socket = null;
  received = Buffer.alloc(0);
  const failed = waiting;
  waiting = [];
  for (const { reject } of failed) reject(error);
}

// One answer from the bytes received so far, or null. The service always sends a Content-Length.
function parse() {
  const end = received.indexOf('\r\n\r\n');
  if (end < 0) return null;
  const [status, ...lines] = received.toString('utf8', 0, end).split('\r\n');
  const headers = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  const stop = end + 4 + Number(headers['content-length']);
  if (received.length < stop) return null;
  const body = received.toString('utf8', end + 4, stop);
  received = received.subarray(stop);
  return { status: Number(status.split(' ')[1]), headers, body };
}

function request(method, path, headers, body) {
  if (socket === null) connect();
  let head = `${method} ${path} HTTP/1.1\r\nHost: ${host}:${port}\r\n`;
  for (const [name, value] of Object.entries(headers)) head += `${name}: ${value}\r\n`;
  socket.cork();
  socket.write(head + '\r\n');
  if (body !== undefined) socket.write(body);
  socket.uncork();
  return new Promise((resolve, reject) => waiting.push({ resolve, reject }));
}

function post(path, body, headers) {
  const bytes = Buffer.from(body, 'utf8');
  const length = { 'Content-Type': 'application/json', 'Content-Length': bytes.length };
  // Like the native part, go on whatever the service says to the answer.
  posted = request('POST', BASE + path, { ...length, ...headers }, bytes).catch(() => {});
}

const client = {
  async next() {
    await Promise.all([posted, streamed]);
    const { status, headers, body } = await request('GET', BASE + 'next', {});
    if (status !== 200) throw new Error(`Failed to get next invocation, error ${status}`);
    return { bodyJson: body, headers };
  },
  done(id, body) {
    post(`${id}/response`, body, {});
  },
  error(id, body, xray) {
    post(`${id}/error`, body, {
      'Lambda-Runtime-Function-Error-Type': 'Unhandled',
      'Lambda-Runtime-Function-XRay-Error-Cause': xray.replace(/[\r\n]/g, ' '),
    });
  },
};

// The client streams answers with `node:http`, and does not wait for one that ends in an error
// before it asks for the next event, which would then be the same event once more. So it is given
// a `request` that is known to have ended, well or badly.
const observed = {
  ...http,
  request(options, ...rest) {
    const request = http.request(options, ...rest);
    if (options.path?.startsWith(BASE) && options.path.endsWith('/response')) {
      streamed = new Promise((resolve) => request.once('close', resolve));
    }
    return request;
  },
};

const load = Module._load;
Module._load = function (name, parent, ...rest) {
  if (name.endsWith('rapid-client.node')) return client;
  const isClient = name === 'node:http' && parent?.filename?.includes('/aws-lambda-ric/');
  return isClient ? observed : load.call(this, name, parent, ...rest);
};
