// Pictures from the run to the canvas: one WebSocket (protocol personalive.v1), the clock of the other
// end, and a player that shows pictures evenly although they come in chunks.
import { studio } from './app.js';

const HEADER = 24;
export const KIND = { videoUp: 1, audioUp: 2, videoDown: 3, audioDown: 4, picture: 5 };

/// The header of a binary message; docs/studio.md describes it.
export function header(buffer) {
  const data = new DataView(buffer);
  return {
    kind: data.getUint8(0), isKey: (data.getUint8(1) & 1) !== 0, isFirst: (data.getUint8(1) & 2) !== 0, isPast: (data.getUint8(1) & 4) !== 0,
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

/// How long after its capture each picture is shown, so that those which come two by two are seen one by one.
///
/// It is what 95 % of the last five seconds needed, but no more than four periods above what half of them
/// needed: of a way that is late now and then, the pictures are to be new rather than even.
export class Pacing {
  #lateness = [];
  #last = null;
  period = 40;
  delay = null;

  /// A picture came: when it was captured and what time it is, both in milliseconds of one clock.
  take(captured, now) {
    this.#lateness.push({ at: now, late: now - captured });
    while (now - this.#lateness[0].at > 5000) this.#lateness.shift();
    const step = this.#last == null ? null : captured - this.#last;
    if (step > 1 && step < 500) this.period += 0.1 * (step - this.period);
    this.#last = captured;
    const lates = this.#lateness.map(entry => entry.late);
    const needed = Math.min(percentile(lates, .95), percentile(lates, .5) + 4 * this.period);
    const away = this.delay == null ? Infinity : needed - this.delay;
    // A stream that changed by more than a few pictures is followed at once, else slowly: faster or slower
    // motion by a twentieth is not seen.
    if (Math.abs(away) > 4 * this.period) this.delay = needed;
    else this.delay += Math.sign(away) * Math.min(Math.abs(away), Math.max(.05 * this.period, Math.abs(away) / 25));
  }
}

/// Paints pictures when they are due.
export class Player {
  #queue = [];
  #past = null;
  #lastShown = null;
  pacing = new Pacing();
  fresh = 0; repeated = 0; dropped = 0;
  ages = []; gaps = [];
  isPaced = true;
  #isOver = false;
  /// When the last picture was painted, and the last fresh one, by this page's clock.
  painted = null;
  #paintedFresh = null;

  /// - draw: paints a picture.
  constructor(clock, draw) {
    [this.clock, this.draw] = [clock, draw];
    const step = () => { if (this.#isOver) return; this.#step(); requestAnimationFrame(step); };
    requestAnimationFrame(step);
  }

  /// A picture of before this page came: shown until a fresh one is, and counted nowhere.
  addPast(picture) {
    this.#past?.close?.();
    this.#past = picture;
  }

  add(picture, captured) {
    const now = this.clock.now();
    if (now == null) return this.addPast(picture);
    this.pacing.take(captured, now);
    this.#queue.push({ picture, captured });
    this.#queue.sort((a, b) => a.captured - b.captured);
    while (this.#queue.length > 30) { this.#queue.shift().picture.close?.(); this.dropped++; }
  }

  /// Nothing of another stream is shown any more.
  clear() {
    for (const { picture } of this.#queue) picture.close?.();
    this.#past?.close?.();
    [this.#queue, this.#past, this.pacing, this.#paintedFresh] = [[], null, new Pacing(), null];
  }

  /// Paints nothing any more.
  end() { this.clear(); this.#isOver = true; }

  #step() {
    const now = this.clock.now();
    const due = now == null ? [] : this.#queue.filter(entry => !this.isPaced || entry.captured + this.pacing.delay <= now + 8);
    if (!due.length) {
      if (this.#past) this.#paint(this.#past);
      this.#past = null;
      const { period } = this.pacing;
      if (this.#lastShown != null && performance.now() - this.#lastShown > 1.5 * period) {
        this.repeated += 1;
        this.#lastShown += period;
      }
      return;
    }
    this.#past?.close?.();
    this.#past = null;
    this.#queue.splice(0, due.length);
    for (const old of due.slice(0, -1)) { old.picture.close?.(); this.dropped++; }
    const { picture, captured } = due[due.length - 1];
    this.#paint(picture);
    this.fresh++;
    const shown = this.painted;
    if (this.#paintedFresh != null) keep(this.gaps, shown - this.#paintedFresh);
    this.#paintedFresh = this.#lastShown = shown;
    keep(this.ages, this.clock.now(shown) - captured);
  }

  #paint(picture) {
    this.draw(picture);
    picture.close?.();
    this.painted = performance.now();
  }

  get delay() { return this.pacing.delay; }
}

function keep(list, value) {
  list.push(value);
  if (list.length > 250) list.shift();
}

/// The codec of a keyframe as WebCodecs names it: `avc1.` and three bytes of its sequence parameter set
/// (ISO/IEC 14496-15, 5.4.1).
export function codecOf(chunk) {
  for (let at = 0; at + 6 < chunk.length; at++) {
    if (chunk[at] || chunk[at + 1] || chunk[at + 2] !== 1 || (chunk[at + 3] & 31) !== 7) continue;
    return 'avc1.' + [4, 5, 6].map(step => chunk[at + step].toString(16).padStart(2, '0')).join('');
  }
  return 'avc1.4d401f';
}

/// The live socket of a run.
export class Live {
  #socket = null;
  #wanted = null;
  #decoder = null;
  #needsKey = true;
  #pending = new Map();
  /// Pictures by themselves, where this browser decodes no video.
  #pictures = typeof VideoDecoder === 'undefined' ? 'jpeg' : 'h264';
  #faults = 0;
  #opened = null;
  /// From the opening of the socket to the first picture, milliseconds.
  #firstAfter = null;
  #got = 0;
  #bytes = 0;
  #since = performance.now();
  #freshBefore = 0;
  #timers = [];
  /// What the node of the camera says: `key`, `camera`.
  onword = () => {};
  onstate = () => {};
  onopen = () => {};
  ongot = () => {};

  /// - stats: where its figures are kept.
  constructor(canvas, stats = studio.stats) {
    [this.canvas, this.stats] = [canvas, stats];
    this.context = canvas.getContext('2d', { desynchronized: true });
    this.clock = new Clock();
    this.player = new Player(this.clock, picture => this.#paint(picture));
    this.#timers = [setInterval(() => this.#measure(), 500), setInterval(() => this.#ping(), 1000)];
  }

  get isOpen() { return this.#socket?.readyState === WebSocket.OPEN; }
  get buffered() { return this.#socket?.bufferedAmount ?? 0; }

  /// Watches an output of a run, and lets the camera in where `camera` is true.
  /// - shadow: whether to watch what is compared with the run.
  watch(run, output, camera, shadow = false) {
    this.#wanted = { run, output, camera, shadow };
    this.#connect();
  }

  /// Ends it: nothing can be watched with it any more.
  close() {
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
    this.#endDecoder();
    this.player.end();
    for (const timer of this.#timers) clearInterval(timer);
  }

  send(data) { if (this.isOpen) this.#socket.send(data); }

  #connect() {
    const old = this.#socket;
    this.#socket = null;
    old?.close();
    const { run, output, camera, shadow } = this.#wanted;
    const way = camera ? 'camera' : 'live';
    const query = output ? `?output=${encodeURIComponent(output)}&pictures=${this.#pictures}${shadow ? '&shadow=true' : ''}` : '';
    const url = `${location.origin.replace('http', 'ws')}/api/v1/runs/${encodeURIComponent(run)}/${way}${query}`;
    const socket = this.#socket = new WebSocket(url, 'personalive.v1');
    socket.binaryType = 'arraybuffer';
    this.#got = 0;
    this.#endDecoder();
    this.player.clear();
    [this.#opened, this.#firstAfter] = [null, null];
    socket.onopen = () => { this.#opened = performance.now(); for (let n = 0; n < 5; n++) setTimeout(() => this.#ping(), 40 * n); this.onstate(true); this.onopen(); };
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
      const socket = this.#socket;
      const picture = await createImageBitmap(new Blob([part.chunk], { type: 'image/jpeg' }));
      if (socket === this.#socket) this.#show(picture, part);
    } else if (part.kind === KIND.videoDown) this.#decode(part);
  }

  #show(picture, { captured, isPast }) {
    if (isPast) this.player.addPast(picture); else this.player.add(picture, captured);
  }

  // H.264 in Annex B with its parameter sets in band.
  #decode(part) {
    if (this.#needsKey && !part.isKey) return;
    try {
      if (part.isKey && (part.isFirst || !this.#decoder)) this.#beginDecoder(part.chunk);
      this.#needsKey = false;
      const timestamp = Math.round(part.captured * 1000);
      this.#pending.set(timestamp, { captured: part.captured, isPast: part.isPast });
      this.#decoder.decode(new EncodedVideoChunk({ type: part.isKey ? 'key' : 'delta', timestamp, data: part.chunk }));
    } catch (error) { this.#failed(error); }
  }

  #beginDecoder(chunk) {
    this.#endDecoder();
    const decoder = this.#decoder = new VideoDecoder({
      output: frame => {
        const part = this.#pending.get(frame.timestamp);
        this.#pending.delete(frame.timestamp);
        if (part && decoder === this.#decoder) this.#show(frame, part); else frame.close();
      },
      error: error => { if (decoder === this.#decoder) this.#failed(error); },
    });
    decoder.configure({ codec: codecOf(chunk), optimizeForLatency: true });
  }

  #endDecoder() {
    if (this.#decoder && this.#decoder.state !== 'closed') this.#decoder.close();
    [this.#decoder, this.#needsKey] = [null, true];
    this.#pending.clear();
  }

  /// The next keyframe mends one damaged packet. A decoder that fails again and again is given up.
  #failed(error) {
    this.#endDecoder();
    if (++this.#faults < 3) return;
    this.#pictures = 'jpeg';
    this.onword({ error: `This browser does not decode the video (${error.message}): pictures are sent one by one.` });
    this.#connect();
  }

  #paint(picture) {
    const width = picture.displayWidth ?? picture.width, height = picture.displayHeight ?? picture.height;
    if (this.canvas.width !== width) [this.canvas.width, this.canvas.height] = [width, height];
    this.context.drawImage(picture, 0, 0, width, height);
    if (this.#opened != null) this.#firstAfter ??= performance.now() - this.#opened;
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
      clock_ms: this.clock.uncertainty, delay: player.delay, first_ms: this.#firstAfter, pictures: this.#pictures,
      size: `${this.canvas.width}x${this.canvas.height}`,
    };
    [this.#since, this.#bytes, this.#freshBefore] = [now, 0, player.fresh];
    Object.assign(this.stats, figures);
  }
}
