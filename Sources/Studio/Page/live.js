// Pictures from the run to the canvas: one WebSocket (protocol personalive.v1), the clock of the other
// end, and a player that shows pictures evenly although they come in chunks.
import { studio } from './app.js';

const HEADER = 24;
export const KIND = { videoUp: 1, audioUp: 2, videoDown: 3, audioDown: 4, picture: 5 };

/// The header of a binary message; docs/studio.md describes it.
export function header(buffer) {
  const data = new DataView(buffer);
  return {
    kind: data.getUint8(0), isKey: (data.getUint8(1) & 1) !== 0, isFirst: (data.getUint8(1) & 2) !== 0,
    stream: data.getUint16(2, true), sequence: data.getUint32(4, true),
    captured: Number(data.getBigInt64(8, true)) / 1000, presentation: Number(data.getBigInt64(16, true)) / 1000,
    chunk: new Uint8Array(buffer, HEADER),
  };
}

/// A binary message; times in milliseconds.
export function message({ kind, isKey = false, isFirst = false, stream = 0, sequence, captured, presentation }, chunk) {
  const buffer = new ArrayBuffer(HEADER + chunk.byteLength), data = new DataView(buffer);
  data.setUint8(0, kind);
  data.setUint8(1, (isKey ? 1 : 0) | (isFirst ? 2 : 0));
  data.setUint16(2, stream, true);
  data.setUint32(4, sequence, true);
  data.setBigInt64(8, BigInt(Math.round(captured * 1000)), true);
  data.setBigInt64(16, BigInt(Math.round(presentation * 1000)), true);
  new Uint8Array(buffer, HEADER).set(chunk);
  return buffer;
}

/// The server's monotonic clock by this page's: the answer that came back fastest is the truest.
export class Clock {
  #samples = [];
  offset = null;
  uncertainty = null;
  take(sent, server, now = performance.now()) {
    this.#samples.push({ trip: now - sent, offset: server - (sent + now) / 2 });
    if (this.#samples.length > 20) this.#samples.shift();
    const best = this.#samples.reduce((a, b) => b.trip < a.trip ? b : a);
    [this.offset, this.uncertainty] = [best.offset, best.trip / 2];
  }
  /// The server's time, milliseconds; null while it is not known.
  now(at = performance.now()) { return this.offset == null ? null : at + this.offset; }
}

/// The share `p` of values lies below the result.
export function percentile(values, p) {
  if (!values.length) return null;
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(p * sorted.length))];
}

/// Shows each picture a fixed time after its capture, so that those which come two by two are seen one
/// by one: that time is what 95 % of the last five seconds needed, and it moves slowly.
export class Player {
  #queue = [];
  #lateness = [];
  #delay = null;
  #lastShown = null;
  #period = 40;
  #lastCaptured = null;
  fresh = 0; repeated = 0; dropped = 0;
  ages = []; gaps = [];
  isPaced = true;

  /// - draw: paints a picture.
  constructor(clock, draw) {
    [this.clock, this.draw] = [clock, draw];
    const step = () => { this.#step(); requestAnimationFrame(step); };
    requestAnimationFrame(step);
  }

  add(picture, captured) {
    const now = this.clock.now();
    if (now == null) { this.draw(picture); picture.close?.(); return; }
    const late = now - captured;
    this.#lateness.push({ at: now, late });
    while (this.#lateness.length && now - this.#lateness[0].at > 5000) this.#lateness.shift();
    const step = this.#lastCaptured == null ? null : captured - this.#lastCaptured;
    if (step > 1 && step < 500) this.#period += 0.1 * (step - this.#period);
    this.#lastCaptured = captured;
    const needed = percentile(this.#lateness.map(entry => entry.late), 0.95);
    // A stream that changed by more than a few pictures is followed at once, else by 1 % of a period.
    if (this.#delay == null || Math.abs(needed - this.#delay) > 4 * this.#period) this.#delay = needed;
    else this.#delay += Math.sign(needed - this.#delay) * Math.min(Math.abs(needed - this.#delay), 0.05 * this.#period);
    this.#queue.push({ picture, captured });
    this.#queue.sort((a, b) => a.captured - b.captured);
    while (this.#queue.length > 30) { this.#queue.shift().picture.close?.(); this.dropped++; }
  }

  #step() {
    const now = this.clock.now();
    if (now == null) return;
    const due = this.#queue.filter(entry => !this.isPaced || entry.captured + this.#delay <= now + 4);
    if (!due.length) {
      if (this.#lastShown != null && performance.now() - this.#lastShown > 1.5 * this.#period) {
        this.repeated += 1;
        this.#lastShown += this.#period;
      }
      return;
    }
    this.#queue.splice(0, due.length);
    for (const old of due.slice(0, -1)) { old.picture.close?.(); this.dropped++; }
    const { picture, captured } = due[due.length - 1];
    this.draw(picture);
    picture.close?.();
    this.fresh++;
    const shown = performance.now();
    if (this.#painted != null) keep(this.gaps, shown - this.#painted);
    this.#painted = this.#lastShown = shown;
    keep(this.ages, this.clock.now(shown) - captured);
  }
  /// When the last picture was painted, by this page's clock.
  #painted = null;

  get delay() { return this.#delay; }
  get painted() { return this.#painted; }
}

function keep(list, value) {
  list.push(value);
  if (list.length > 250) list.shift();
}

/// The live socket of a run.
export class Live {
  #socket = null;
  #wanted = null;
  #decoder = null;
  #needsKey = true;
  #pending = new Map();
  #got = 0;
  #bytes = 0;
  #since = performance.now();
  #freshBefore = 0;
  /// What the node of the camera says: `key`, `camera`.
  onword = () => {};
  onstate = () => {};
  onopen = () => {};
  ongot = () => {};

  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext('2d', { desynchronized: true });
    this.clock = new Clock();
    this.player = new Player(this.clock, picture => this.#paint(picture));
    setInterval(() => this.#measure(), 500);
    setInterval(() => this.#ping(), 1000);
  }

  get isOpen() { return this.#socket?.readyState === WebSocket.OPEN; }
  get buffered() { return this.#socket?.bufferedAmount ?? 0; }

  /// Watches an output of a run, and lets the camera in where `camera` is true.
  watch(run, output, camera) {
    this.#wanted = { run, output, camera };
    this.#connect();
  }

  send(data) { if (this.isOpen) this.#socket.send(data); }

  #connect() {
    const old = this.#socket;
    this.#socket = null;
    old?.close();
    const { run, output, camera } = this.#wanted;
    const way = camera ? 'camera' : 'live';
    const query = output ? `?output=${encodeURIComponent(output)}` : '';
    const url = `${location.origin.replace('http', 'ws')}/api/v1/runs/${encodeURIComponent(run)}/${way}${query}`;
    const socket = this.#socket = new WebSocket(url, 'personalive.v1');
    socket.binaryType = 'arraybuffer';
    this.#got = 0;
    this.#needsKey = true;
    socket.onopen = () => { for (let n = 0; n < 5; n++) setTimeout(() => this.#ping(), 40 * n); this.onstate(true); this.onopen(); };
    socket.onmessage = event => typeof event.data === 'string' ? this.#hear(JSON.parse(event.data)) : this.#take(event.data);
    socket.onclose = () => {
      if (this.#socket !== socket) return;
      this.onstate(false);
      setTimeout(() => { if (this.#socket === socket) this.#connect(); }, 700);
    };
  }

  #ping() { this.send(JSON.stringify({ clock: performance.now() })); }

  #hear(words) {
    if (words.clock != null) { this.clock.take(words.clock, words.server); this.replaced = words.replaced; }
    if (words.got) this.ongot(words.got);
    if (words.key || words.camera || words.error) this.onword(words);
  }

  async #take(buffer) {
    const part = header(buffer);
    this.#bytes += buffer.byteLength;
    // The other end keeps a window of pictures under way: without this it stops sending.
    this.send(JSON.stringify({ ack: ++this.#got }));
    if (part.kind === KIND.picture) {
      const picture = await createImageBitmap(new Blob([part.chunk], { type: 'image/jpeg' }));
      this.player.add(picture, part.captured);
    } else if (part.kind === KIND.videoDown) this.#decode(part);
  }

  // H.264 in Annex B with its parameter sets in band, as live-encoder sends it.
  #decode(part) {
    if (this.#needsKey && !part.isKey) return;
    if (!this.#decoder || this.#decoder.state === 'closed') {
      this.#decoder = new VideoDecoder({
        output: frame => { const captured = this.#pending.get(frame.timestamp); this.#pending.delete(frame.timestamp); this.player.add(frame, captured); },
        error: error => { this.#needsKey = true; this.onword({ error: `${error}` }); },
      });
      this.#decoder.configure({ codec: 'avc1.42e01f', optimizeForLatency: true });
    }
    this.#needsKey = false;
    const timestamp = Math.round(part.captured * 1000);
    this.#pending.set(timestamp, part.captured);
    this.#decoder.decode(new EncodedVideoChunk({ type: part.isKey ? 'key' : 'delta', timestamp, data: part.chunk }));
  }

  #paint(picture) {
    const width = picture.displayWidth ?? picture.width, height = picture.displayHeight ?? picture.height;
    if (this.canvas.width !== width) [this.canvas.width, this.canvas.height] = [width, height];
    this.context.drawImage(picture, 0, 0, width, height);
  }

  #measure() {
    const now = performance.now(), seconds = (now - this.#since) / 1000;
    const { player } = this;
    const figures = {
      fps: (player.fresh - this.#freshBefore) / seconds, down_kbit: this.#bytes * 8 / 1000 / seconds,
      fresh: player.fresh, repeated: player.repeated, dropped: player.dropped + (this.replaced ?? 0),
      age_p50: percentile(player.ages, .5), age_p95: percentile(player.ages, .95), ages: player.ages.length,
      gap_p50: percentile(player.gaps, .5), gap_p95: percentile(player.gaps, .95),
      gap_max: player.gaps.length ? Math.max(...player.gaps) : null,
      clock_ms: this.clock.uncertainty, delay: player.delay,
    };
    [this.#since, this.#bytes, this.#freshBefore] = [now, 0, player.fresh];
    Object.assign(studio.stats, figures);
  }
}
