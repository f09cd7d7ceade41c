// Elements and texts. Whatever comes from functions and callers goes through `append`: as text.

/** An element: `h('p', {class: 'muted', onclick: f}, 'text', other)`. Nothing is ever read as HTML. */
export function h(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

/** The same for SVG. */
export function svg(name, attributes = {}, ...children) {
  return fill(document.createElementNS('http://www.w3.org/2000/svg', name), attributes, children);
}

function fill(element, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith('on')) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? '' : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export const byId = (id) => document.getElementById(id);

/** Milliseconds, with as many digits as mean something. */
export function millis(value) {
  if (value === null || value === undefined) return '–';
  if (value < 10) return `${value.toFixed(2)} ms`;
  if (value < 1000) return `${value.toFixed(value < 100 ? 1 : 0)} ms`;
  if (value < 60000) return `${(value / 1000).toFixed(2)} s`;
  return `${(value / 60000).toFixed(1)} min`;
}

export function bytes(value) {
  if (value < 1024) return `${value} B`;
  if (value < 1048576) return `${(value / 1024).toFixed(1)} KB`;
  return `${(value / 1048576).toFixed(1)} MB`;
}

export function plural(count, word) {
  return `${count.toLocaleString('en')} ${word}${count === 1 ? '' : 's'}`;
}

const two = (number) => String(number).padStart(2, '0');

/** The time of day, to the millisecond. */
export function clock(ms) {
  const at = new Date(ms);
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, '0')}`;
}

/** Date and time of day. */
export function moment(ms) {
  const at = new Date(ms);
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${clock(ms)}`;
}

/** How far away a moment is: `in 12 s`, `3 min ago`. */
export function distance(ms) {
  const seconds = Math.round((ms - Date.now()) / 1000);
  const far = Math.abs(seconds);
  const text = far < 90 ? `${far} s` : far < 5400 ? `${Math.round(far / 60)} min` : `${Math.round(far / 3600)} h`;
  return seconds > 0 ? `in ${text}` : `${text} ago`;
}

/** JSON with line ends, or the text as it is. */
export function pretty(text) {
  // Numbers that a script cannot hold exactly would be changed: such a text stays as it is.
  try {
    const value = JSON.parse(text);
    return lossless(text, value) ? JSON.stringify(value, null, 2) : text;
  } catch {
    return text;
  }
}

function lossless(text, value) {
  const strip = (json) => json.replace(/"(?:[^"\\]|\\.)*"|\s+/g, (part) => (part[0] === '"' ? '""' : ''));
  return strip(text) === strip(JSON.stringify(value));
}

/** A heading with a button that copies, over a block of text. */
export function block(title, note, text) {
  const copy = h('button', { class: 'quiet', type: 'button', 'aria-label': `Copy ${title.toLowerCase()}` }, 'Copy');
  copy.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(text);
      toast(`${title} copied`);
    } catch {
      toast('The browser does not allow copying here');
    }
  });
  return [
    h('h3', {}, title, note ? h('span', {}, note) : null, text ? copy : null),
    text ? h('pre', { tabindex: '0', 'aria-label': title }, text) : h('p', { class: 'muted' }, 'Nothing'),
  ];
}

let fading;

/** Says something at the edge of the page for a few seconds. */
export function toast(text) {
  byId('toast').textContent = text;
  clearTimeout(fading);
  fading = setTimeout(() => { byId('toast').textContent = ''; }, 5000);
}
