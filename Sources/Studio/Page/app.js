// The page's frame: the token, the run that is shown, the tabs, and the run's state and log.
// Everything goes through the API below /api/v1, as for scripts.
import { Stage } from './stage.js';
import { GraphView } from './graph.js';

export const $ = id => document.getElementById(id);

/// An element with attributes and children.
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, '');
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter(child => child != null));
  return element;
}

export function toast(text, isBad = false) {
  const note = make('p', { class: isBad ? 'toast bad' : 'toast' }, text);
  $('toasts').append(note);
  setTimeout(() => note.remove(), isBad ? 12000 : 5000);
}

export function banner(text) {
  $('banner').textContent = text ?? '';
  $('banner').hidden = !text;
}

export const ms = value => value == null ? '–' : value >= 1000 ? `${(value / 1000).toFixed(2)} s` : `${Math.round(value)} ms`;

/// The API; a refusal is an Error whose message is the server's sentence.
export const api = {
  run: '-',
  async call(method, path, body, type = 'application/json') {
    let response;
    try {
      response = await fetch(`/api/v1${path}`, {
        method, credentials: 'same-origin',
        headers: body === undefined ? {} : { 'Content-Type': type },
        body: body === undefined ? undefined : type === 'application/json' ? JSON.stringify(body) : body,
      });
    } catch {
      throw Object.assign(new Error('The studio does not answer: it was stopped, or the connection to it is lost.'), { status: 0 });
    }
    const text = await response.text();
    let value = {};
    try { value = JSON.parse(text); } catch { /* not JSON: the status says it */ }
    if (!response.ok) throw Object.assign(new Error(value.error ?? `${response.status} ${response.statusText}`), { status: response.status, notes: value.notes ?? [] });
    return value;
  },
  of(path) { return `/runs/${encodeURIComponent(this.run)}${path}`; },
  get(path) { return this.call('GET', this.of(path)); },
  post(path, body, type) { return this.call('POST', this.of(path), body ?? {}, type); },
  remove(path) { return this.call('DELETE', this.of(path)); },
};

/// What tests read, and people in the browser's console.
export const studio = window.studio = {
  stats: {}, view: null, role: null, run: null,
  /// Whether this page may change a run.
  get isControl() { return this.role === 'control'; },
};

/// Begins anew after a while; once, however many ask for it.
let again = null;
function beginLater(wait) {
  clearTimeout(again);
  again = setTimeout(begin, wait);
}

const listeners = [];
export const onStatus = listener => listeners.push(listener);

function say(text, mood) {
  $('state-text').textContent = text;
  $('state').className = `pill ${mood}`;
}

// MARK: Token and run

async function enter() {
  const words = new URLSearchParams(location.hash.slice(1));
  if (words.get('run')) sessionStorage.setItem('run', words.get('run'));
  const token = words.get('t');
  // The token leaves the address bar before anything else happens.
  if (token) history.replaceState(null, '', location.pathname);
  const { role, sessions } = token ? await api.call('POST', '/session', { token }) : await api.call('GET', '/session');
  Object.assign(studio, { role, sessions });
  document.body.classList.toggle('looks-on', studio.role === 'view');
}

async function chooseRun() {
  const wanted = sessionStorage.getItem('run') ?? await ownRun();
  const runs = await api.call('GET', '/runs');
  const run = runs.find(run => run.name === wanted) ?? runs[0];
  if (!run) throw Object.assign(new Error('No graph is running. Start one: personalive studio Graphs/studio.yaml'), { status: 404 });
  api.run = studio.run = run.name;
  document.title = `${run.name} · personalive studio`;
}

/// Where each browser gets a run of its own: that of this one, in all its tabs.
async function ownRun() {
  if (!(studio.sessions > 1) || !studio.isControl) return null;
  const browser = localStorage.getItem('browser') ?? crypto.randomUUID();
  localStorage.setItem('browser', browser);
  const { name } = await api.call('POST', '/runs', { browser, run: localStorage.getItem('run') ?? undefined });
  localStorage.setItem('run', name);
  return name;
}

// MARK: State and log

let events;
function follow() {
  events?.close();
  events = new EventSource(`/api/v1${api.of('/events')}`);
  events.addEventListener('status', event => {
    const view = studio.view = JSON.parse(event.data);
    banner(null);
    const failing = view.nodes.filter(node => node.state !== 'running' && view.state === 'running' && !(node.is_source && node.state === 'ended'));
    const ended = failing.map(node => `${node.name} is ${node.state}`).join(', ');
    say(ended || (view.state === 'running' ? `${view.name}: live, ${view.fps.toFixed(1)} fps` : `${view.name}: ${view.state}`),
      ended ? 'bad' : view.state === 'running' ? 'live' : '');
    for (const listener of listeners) listener(view);
  });
  events.addEventListener('log', event => log(JSON.parse(event.data).line));
  events.addEventListener('over', event => {
    events.close();
    say('no answer from the run', 'bad');
    banner(`${JSON.parse(event.data).error}. Finished recordings are in their files. Waiting for a run …`);
    beginLater(1500);
  });
  events.onerror = () => {
    say('no connection', 'bad');
    banner('The studio does not answer: it was stopped, or the connection to it is lost. The run goes on without it. This page tries again.');
    if (events.readyState === EventSource.CLOSED) beginLater(1500);
  };
}

function log(line) {
  const kind = / warning /.test(line) ? 'warning' : / note /.test(line) ? 'said' : '';
  const list = $('log');
  const isAtEnd = list.scrollTop + list.clientHeight >= list.scrollHeight - 8;
  list.append(make('li', { class: kind }, line.replace(/^\S+T(\S+?)(\.\d+)?Z /, '$1 ')));
  while (list.children.length > 200) list.firstChild.remove();
  if (isAtEnd) list.scrollTop = list.scrollHeight;
}

// MARK: Tabs

const tabs = ['stage', 'graph', 'sessions'];
function show(name) {
  for (const tab of tabs) {
    $(tab).hidden = tab !== name;
    $(`tab-${tab}`).setAttribute('aria-selected', tab === name);
    $(`tab-${tab}`).tabIndex = tab === name ? 0 : -1;
  }
  if (name === 'graph') graph.open();
  if (name === 'sessions') sessions();
}
for (const tab of tabs) {
  $(`tab-${tab}`).addEventListener('click', () => show(tab));
  $(`tab-${tab}`).addEventListener('keydown', event => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = tabs[(tabs.indexOf(tab) + step + tabs.length) % tabs.length];
    show(next);
    $(`tab-${next}`).focus();
  });
}

// MARK: Sessions

async function sessions() {
  try {
    const runs = await api.call('GET', '/runs');
    $('runs').replaceChildren(...runs.map(run => make('li', { class: run.name === api.run ? 'current' : '' },
      make('span', { class: 'what' }, run.name, make('small', {}, `${run.graph} · ${run.state} · ${Math.round(run.seconds)} s`)),
      make('button', { onclick: () => open(run.name), disabled: run.name === api.run }, run.name === api.run ? 'Shown' : 'Show'),
      studio.isControl ? make('button', { onclick: () => stop(run.name), 'aria-label': `Stop ${run.name}` }, 'Stop') : null)));
    $('runs-note').textContent = runs.length ? '' : 'No graph is running.';
  } catch (error) { $('runs-note').textContent = error.message; }
}

function open(run) {
  sessionStorage.setItem('run', run);
  begin();
  show('stage');
}

async function stop(run) {
  if (!confirm(`Stop '${run}'? Frames under way are finished, and its files are completed.`)) return;
  try {
    toast((await api.call('POST', `/runs/${encodeURIComponent(run)}/stop`, {})).done);
  } catch (error) { toast(error.message, true); }
  setTimeout(sessions, 800);
}

$('start-run').addEventListener('click', async () => {
  $('runs-note').textContent = 'Starting …';
  try {
    const { name } = await api.call('POST', '/runs', {});
    toast(`'${name}' runs.`);
    open(name);
  } catch (error) { $('runs-note').textContent = error.message; }
});

// MARK: Beginning

const stage = new Stage();
const graph = new GraphView();

async function begin() {
  try {
    await enter();
    await chooseRun();
    banner(null);
    follow();
    await stage.begin();
    if (!$('graph').hidden) graph.open();
  } catch (error) {
    say(error.status === 401 ? 'not let in' : 'no run', 'bad');
    banner(error.message);
    if (error.status !== 401 && error.status !== 429) beginLater(2000);
  }
}
begin();
