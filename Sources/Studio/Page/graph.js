// The graph as it runs, drawn: what each node waits for, what each edge carries.
import { $, api, make, ms, onStatus, studio, toast } from './app.js';
import { Editor } from './editor.js';

const SVG = 'http://www.w3.org/2000/svg';
const W = 172, H = 78, GAP_X = 104, GAP_Y = 46, EDGE = 22;
/// Room above the nodes for edges that pass over others.
const ROOF = 58;

function draw(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) if (value != null) element.setAttribute(name, value);
  element.append(...children.filter(child => child != null));
  return element;
}

const node = end => end.split('.')[0];
const port = end => end.split('.').slice(1).join('.');
const WAITS = { computing: 'computes', input: 'waits for input', output: 'waits for a consumer', absent: 'not running' };

/// Places nodes in columns by the longest way from a source, and in each column near those that feed
/// them, so that few edges cross.
export function layout(nodes, edges) {
  const rank = new Map(nodes.map(({ name }) => [name, 0]));
  for (let round = 0; round < nodes.length; round++) {
    let isChanged = false;
    for (const edge of edges) {
      const next = rank.get(node(edge.from)) + 1;
      if (next > rank.get(node(edge.to)) && next < nodes.length) { rank.set(node(edge.to), next); isChanged = true; }
    }
    if (!isChanged) break;
  }
  // A source stands right before what it feeds first.
  for (const { name } of nodes) {
    if (edges.some(edge => node(edge.to) === name)) continue;
    const next = edges.filter(edge => node(edge.from) === name).map(edge => rank.get(node(edge.to)));
    if (next.length) rank.set(name, Math.max(0, Math.min(...next) - 1));
  }
  const columns = [];
  for (const { name } of nodes) (columns[rank.get(name)] ??= []).push(name);
  const row = new Map();
  columns.forEach(column => column?.forEach((name, index) => row.set(name, index)));
  for (let round = 0; round < 6; round++) {
    for (const column of columns) {
      if (!column) continue;
      const centre = name => {
        const near = edges.filter(edge => node(edge.from) === name || node(edge.to) === name)
          .map(edge => row.get(node(edge.from) === name ? node(edge.to) : node(edge.from)));
        return near.length ? near.reduce((a, b) => a + b, 0) / near.length : row.get(name);
      };
      const places = new Map(column.map(name => [name, centre(name)]));
      column.sort((a, b) => places.get(a) - places.get(b));
      column.forEach((name, index) => row.set(name, index));
    }
  }
  const tallest = Math.max(...columns.map(column => column?.length ?? 0));
  const place = new Map();
  columns.forEach((column, x) => column?.forEach((name, y) => place.set(name, {
    x: EDGE + x * (W + GAP_X), y: EDGE + ROOF + (y + (tallest - column.length) / 2) * (H + GAP_Y), column: x,
  })));
  return { place, width: 2 * EDGE + columns.length * (W + GAP_X) - GAP_X, height: 2 * EDGE + ROOF + tallest * (H + GAP_Y) - GAP_Y };
}

export class GraphView {
  #editor = new Editor();
  #shape = ''; #drawn = new Map(); #chosen = null; #preview = null; #isOpen = false;

  constructor() { onStatus(view => { if (!$('graph').hidden) this.#take(view); }); }

  open() {
    if (studio.view) this.#take(studio.view);
    this.#editor.load();
  }

  #take(view) {
    const shape = [...view.nodes.map(({ name }) => name), ...view.edges.map(edge => edge.from + edge.to)].join(' ');
    if (shape !== this.#shape) { this.#shape = shape; this.#draw(view); this.#editor.load(); }
    for (const item of view.nodes) this.#showNode(item);
    for (const item of view.edges) this.#showEdge(item);
    this.#tables(view);
    if (this.#chosen) this.#showFigures();
  }

  #draw(view) {
    const { place, width, height } = layout(view.nodes, view.edges);
    const svg = $('drawing');
    svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
    svg.setAttribute('width', width);
    svg.setAttribute('height', height);
    this.#drawn.clear();
    const lines = view.edges.map(edge => {
      const a = place.get(node(edge.from)), b = place.get(node(edge.to));
      const siblings = view.edges.filter(other => node(other.from) === node(edge.from) && node(other.to) === node(edge.to));
      const shift = (siblings.indexOf(edge) - (siblings.length - 1) / 2) * 36;
      const [x1, y1, x2, y2] = [a.x + W, a.y + H / 2 + shift, b.x, b.y + H / 2 + shift];
      const bend = Math.max(40, (x2 - x1) / 2);
      // One that passes over other columns goes above their nodes.
      const between = [...place.values()].filter(other => other.column > a.column && other.column < b.column);
      const roof = between.length ? Math.min(...between.map(other => other.y)) - 16 : null;
      const middle = (x1 + x2) / 2;
      const path = roof == null
        ? `M${x1} ${y1} C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`
        : `M${x1} ${y1} C${x1 + 60} ${y1} ${x1 + 60} ${roof} ${middle} ${roof} S${x2 - 60} ${y2 - 14} ${x2} ${y2 - 14}`;
      const [cx, cy] = [middle, roof == null ? (y1 + y2) / 2 : roof - 14];
      const parts = { rate: draw('text', { x: cx, y: cy - 5, 'text-anchor': 'middle' }), age: draw('text', { x: cx, y: cy + 10, 'text-anchor': 'middle' }), lost: draw('text', { class: 'lost', x: cx, y: cy + 25, 'text-anchor': 'middle' }) };
      const group = draw('g', { class: 'edge', tabindex: 0, role: 'button' },
        draw('path', { class: 'hit', d: path }), draw('path', { class: 'line', d: path, 'marker-end': 'url(#arrow)' }),
        ...Object.values(parts));
      this.#choosable(group, { edge: `${edge.from} ${edge.to}` });
      this.#drawn.set(`${edge.from} ${edge.to}`, { group, ...parts });
      return group;
    });
    const boxes = view.nodes.map(({ name }) => {
      const { x, y } = place.get(name);
      const text = (dy, kind) => draw('text', { x: 15, y: dy, class: kind });
      const parts = { name: text(25, 'name'), kind: text(45, 'small'), figures: text(64, 'small') };
      const group = draw('g', { class: 'node', transform: `translate(${x} ${y})`, tabindex: 0, role: 'button' },
        draw('rect', { width: W, height: H, rx: 12 }), draw('rect', { class: 'mood', x: 0, y: 13, width: 5, height: H - 26, rx: 2.5 }), ...Object.values(parts));
      this.#choosable(group, { node: name });
      this.#drawn.set(name, { group, ...parts });
      return group;
    });
    const labels = draw('g', { class: 'labels' });
    const arrow = draw('marker', { id: 'arrow', viewBox: '0 0 8 8', refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: 'auto-start-reverse' },
      draw('path', { d: 'M0 0 L8 4 L0 8 z' }));
    svg.replaceChildren(draw('defs', {}, arrow), ...lines, ...boxes);
    // No line crosses a label: they are drawn last.
    for (const { group, ...texts } of this.#drawn.values()) if (group.classList.contains('edge')) labels.append(...Object.values(texts));
    svg.append(labels);
  }

  #choosable(group, what) {
    const choose = () => this.#choose(what, group);
    group.addEventListener('click', choose);
    group.addEventListener('keydown', event => { if (event.key === 'Enter' || event.key === ' ') { event.preventDefault(); choose(); } });
  }

  #showNode(item) {
    const drawn = this.#drawn.get(item.name);
    if (!drawn) return;
    const figures = item.state === 'running'
      ? item.fps ? `${item.fps.toFixed(1)} fps · ${Math.round(100 * item.busy)} %${item.restarts ? '' : ' busy'}` : 'idle' : item.state;
    drawn.name.textContent = item.name.length > 20 ? `${item.name.slice(0, 19)}…` : item.name;
    drawn.kind.textContent = item.kind + (item.machine ? ` on ${item.machine}` : '');
    drawn.figures.textContent = figures + (item.restarts ? ` · ${item.restarts}× restarted` : '');
    drawn.group.setAttribute('class', `node ${this.#mood(item)}${this.#chosen?.node === item.name ? ' chosen' : ''}`);
    drawn.group.setAttribute('aria-label', `Node ${item.name}, ${item.kind}, ${WAITS[this.#mood(item)]}, ${figures}`);
  }

  /// A source that has sent its one picture has ended as it should.
  #mood(item) { return item.state === 'ended' && item.is_source ? 'input' : item.waits; }

  #showEdge(item) {
    const drawn = this.#drawn.get(`${item.from} ${item.to}`);
    if (!drawn) return;
    const isLast = item.keep === 'last' || item.fps === 0 && item.age_p50_ms == null;
    drawn.rate.textContent = isLast ? port(item.from) : `${port(item.from)} · ${item.fps.toFixed(0)}/s`;
    drawn.age.textContent = isLast ? '' : ms(item.age_p50_ms);
    drawn.lost.textContent = item.dropped ? `${item.dropped} dropped` : '';
    const isChosen = this.#chosen?.edge === `${item.from} ${item.to}`;
    drawn.group.setAttribute('class', `edge${item.keep === 'last' ? ' kept' : ''}${item.dropped ? ' drops' : ''}${isChosen ? ' chosen' : ''}`);
    drawn.group.setAttribute('aria-label', `Edge from ${item.from} to ${item.to}: ${item.fps.toFixed(1)} a second, age ${ms(item.age_p50_ms)}, ${item.dropped} dropped`);
  }

  #tables(view) {
    const fill = (table, head, rows) => table.replaceChildren(
      make('thead', {}, make('tr', {}, ...head.map(text => make('th', { scope: 'col' }, text)))),
      make('tbody', {}, ...rows.map(row => make('tr', {}, ...row.map(text => make('td', {}, `${text}`))))));
    if (!document.querySelector('.tables').open) return;
    fill($('node-table'), ['Node', 'Kind', 'State', 'Waits', 'fps', 'Busy', 'Tick p50', 'Memory', 'Restarts', 'Swaps'], view.nodes.map(item => [
      item.name, item.kind, item.state, WAITS[item.waits], item.fps.toFixed(1), `${Math.round(100 * item.busy)} %`, ms(item.work_p50_ms), `${item.memory_mb} MB`, item.restarts, item.swaps]));
    fill($('edge-table'), ['From', 'To', 'Carries', 'Keep', 'a second', 'Mbit/s', 'Age p50', 'Age p95', 'Credits', 'Waiting', 'Dropped'], view.edges.map(item => [
      item.from, item.to, item.type, `${item.keep} ${item.window}`, item.fps.toFixed(1), item.mbit_s.toFixed(2), ms(item.age_p50_ms), ms(item.age_p95_ms), item.credits, item.waiting, item.dropped]));
  }

  // MARK: What is chosen

  #choose(what) {
    this.#chosen = what;
    clearInterval(this.#preview);
    this.#take(studio.view);
    what.node ? this.#openNode(what.node) : this.#openEdge(what.edge);
  }

  #figures = null;

  async #openEdge(name) {
    const edge = studio.view.edges.find(edge => `${edge.from} ${edge.to}` === name);
    this.#figures = make('dl');
    const picture = make('img', { alt: `What flows on ${edge.from}`, hidden: true });
    const note = make('p', { class: 'note' });
    $('detail').replaceChildren(make('h2', {}, `${edge.from} → ${edge.to}`), picture, note, this.#figures);
    this.#showFigures();
    if (edge.meaning !== 'rgb') { note.textContent = `No picture: it carries ${edge.type}.`; return; }
    const source = `/api/v1${api.of(`/preview?output=${encodeURIComponent(edge.from)}`)}`;
    let isAsking = false;
    const look = async () => {
      if (isAsking || $('graph').hidden) return;
      isAsking = true;
      try {
        const response = await fetch(source);
        if (!response.ok) throw new Error((await response.json()).error);
        const url = URL.createObjectURL(await response.blob());
        picture.onload = () => URL.revokeObjectURL(url);
        [picture.src, picture.hidden, note.textContent] = [url, false, 'A preview, twice a second.'];
      } catch (error) { note.textContent = error.message; }
      isAsking = false;
    };
    look();
    this.#preview = setInterval(look, 500);
  }

  async #openNode(name) {
    this.#figures = make('dl');
    const settings = make('dl'), log = make('ol', { class: 'log', tabindex: 0, 'aria-label': `Log of ${name}` });
    const restart = make('button', {
      class: 'for-control', onclick: async () => {
        restart.disabled = true;
        try { toast((await api.post('/restart', { node: name })).done); } catch (error) { toast(error.message, true); }
        restart.disabled = false;
      },
    }, 'Restart without losing a frame');
    $('detail').replaceChildren(make('h2', {}, name), this.#figures, make('h2', { class: 'soft' }, 'Settings'), settings, restart, make('h2', { class: 'soft' }, 'Log'), log);
    this.#showFigures();
    const [graph, lines] = await Promise.all([studio.isControl ? api.get('/graph').catch(() => null) : null, api.get(`/logs?node=${encodeURIComponent(name)}&lines=60`).catch(error => ({ lines: [error.message] }))]);
    if (this.#chosen?.node !== name) return;
    const values = Object.entries(graph?.settings[name] ?? {}).sort();
    if (!studio.isControl) settings.replaceWith(make('p', { class: 'note' }, 'Settings are shown only at the address for control, as they may hold passwords.'));
    else settings.replaceChildren(...values.flatMap(([key, value]) => [make('dt', {}, key), make('dd', {}, `${value}`)]));
    log.replaceChildren(...(lines.lines.length ? lines.lines : ['It has printed nothing.']).map(line => make('li', { class: / warning /.test(line) ? 'warning' : '' }, line.replace(/^\S+T(\S+?)(\.\d+)?Z \S+ /, '$1 '))));
    log.scrollTop = log.scrollHeight;
  }

  #showFigures() {
    const { node: name, edge: ends } = this.#chosen;
    const pairs = [];
    if (name) {
      const item = studio.view.nodes.find(item => item.name === name);
      if (item) pairs.push(['kind', item.kind], ['state', `${item.state}, ${WAITS[item.waits]}`], ['process', item.pid], ['ticks', `${item.fps.toFixed(1)} a second`],
        ['one tick', `${ms(item.work_p50_ms)}, 95 % below ${ms(item.work_p95_ms)}`], ['busy', `${Math.round(100 * item.busy)} %`], ['memory', `${item.memory_mb} MB`], ['restarts', item.restarts], ['swaps', item.swaps]);
    } else {
      const item = studio.view.edges.find(edge => `${edge.from} ${edge.to}` === ends);
      if (item) pairs.push(['carries', item.type], ['keep', `${item.keep}, window ${item.window}`], ['rate', `${item.fps.toFixed(1)} a second, ${item.mbit_s.toFixed(2)} Mbit/s`],
        ['age', `${ms(item.age_p50_ms)}, 95 % below ${ms(item.age_p95_ms)}: from capture until received here`], ['hop', ms(item.hop_p50_ms)], ['credits', item.credits], ['waiting', item.waiting], ['sent', item.sent], ['dropped', item.dropped]);
    }
    this.#figures?.replaceChildren(...pairs.flatMap(([key, value]) => [make('dt', {}, key), make('dd', {}, `${value}`)]));
  }
}
