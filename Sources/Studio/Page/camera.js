// The browser's camera or screen to the run: captured, cut to the size that is wanted, encoded by
// WebCodecs, and sent; JPEG where there is no encoder. On a slow way frames are dropped before they are
// encoded, so that no later one lacks what it refers to.
import { studio } from './app.js';
import { KIND, message, percentile } from './live.js';
import { Sound } from './sound.js';

const CODEC = { jpeg: 0, vp8: 1, h264: 2 };
const NAMES = { vp8: 'vp8', h264: 'avc1.42e01f' };

export class Camera {
  #live; #stream; #encoder; #reader; #track;
  #codec = 'vp8'; #bitrate = 1_000_000; #sequence = 0; #needsKey = true; #isFirst = true;
  #sent = 0; #captured = 0; #dropped = 0; #bytes = 0; #times = new Map(); #encodeTimes = []; #begun = null;
  #stop = false; #sound;
  /// When what has not arrived yet was sent, how many arrived, and how long trips there and back took of late.
  #way = []; #arrived = 0; #trips = [];
  width = 512; height = 512; rate = 25;
  /// Whether the microphone is sent beside it.
  hasSound = false;
  onnote = () => {};
  onend = () => {};

  constructor(live) {
    this.#live = live;
    this.#sound = new Sound(live, data => this.#post(data));
    this.#live.onword = words => {
      if (words.key) this.#needsKey = true;
      if (words.taken) { this.stop(); this.onend('Another page sends its camera now. Start this one to take over again.'); }
      else if (words.camera && this.isOn) this.onnote(words.camera);
      if (words.error) this.onnote(words.error);
    };
    // A socket that was cut and is there again knows nothing of the camera.
    this.#live.onopen = () => { [this.#way, this.#arrived] = [[], 0]; if (this.isOn) this.#tell(true); };
    this.#live.ongot = count => {
      const now = performance.now();
      while (this.#arrived < count && this.#way.length) { this.#trips.push({ at: now, took: now - this.#way.shift() }); this.#arrived++; }
      while (this.#trips.length && now - this.#trips[0].at > 10000) this.#trips.shift();
    };
    setInterval(() => this.#measure(), 1000);
    document.addEventListener('visibilitychange', () => {
      if (document.hidden && this.isOn) this.onnote('This tab is in the background: the browser may slow the camera down.');
      else if (this.isOn) { this.#needsKey = true; this.onnote(''); }
    });
  }

  get isOn() { return !!this.#stream; }
  get stream() { return this.#stream; }

  /// - source: `camera` or `screen`.
  async start(source = 'camera') {
    const wish = { width: { ideal: this.width }, height: { ideal: this.height }, frameRate: { ideal: this.rate }, facingMode: 'user' };
    this.#stream = source === 'screen'
      ? await navigator.mediaDevices.getDisplayMedia({ video: { frameRate: this.rate }, audio: false })
      : await navigator.mediaDevices.getUserMedia({ video: wish, audio: false });
    [this.#track] = this.#stream.getVideoTracks();
    this.#track.addEventListener('ended', () => { this.stop(); this.onend('The camera was unplugged, or its use was ended in the browser.'); });
    [this.#stop, this.#needsKey, this.#isFirst, this.#begun] = [false, true, true, null];
    this.#tell(true);
    this.#lock = await navigator.wakeLock?.request('screen').catch(() => null);
    if (typeof VideoEncoder === 'undefined') this.#codec = 'jpeg';
    if (this.hasSound) this.#sound.start().catch(error => { this.#sound.stop(); this.onnote(`The microphone is not sent: ${error.message}`); });
    this.#run().catch(error => { this.stop(); this.onend(`The camera's pictures cannot be sent: ${error.message}`); });
    return this.#stream;
  }
  #lock = null;

  #tell(isOn) {
    this.#live.send(JSON.stringify({ camera: isOn }));
    [this.#needsKey, this.#isFirst] = [true, true];
  }

  stop() {
    this.#stop = true;
    if (this.isOn) this.#tell(false);
    this.#sound.stop();
    this.#reader?.cancel().catch(() => {});
    this.#stream?.getTracks().forEach(track => track.stop());
    if (this.#encoder && this.#encoder.state !== 'closed') this.#encoder.close();
    this.#lock?.release().catch(() => {});
    [this.#stream, this.#encoder, this.#reader] = [null, null, null];
  }

  async #run() {
    if (typeof MediaStreamTrackProcessor !== 'undefined') {
      this.#reader = new MediaStreamTrackProcessor({ track: this.#track, maxBufferSize: 1 }).readable.getReader();
      while (!this.#stop) {
        const { value, done } = await this.#reader.read();
        if (done) return;
        await this.#take(value);
      }
    } else {
      // Firefox and Safari: the video element says when it has a new picture.
      const video = Object.assign(document.createElement('video'), { srcObject: this.#stream, muted: true, playsInline: true });
      await video.play();
      while (!this.#stop) {
        await new Promise(resolve => video.requestVideoFrameCallback(resolve));
        await this.#take(new VideoFrame(video, { timestamp: Math.round(performance.now() * 1000) }));
      }
    }
  }

  async #take(frame) {
    const captured = this.#live.clock.now();
    this.#captured++;
    // What waits in the socket, and what is on its way for longer than the way takes: buffers of the
    // network hold seconds of pictures that no one here sees.
    const picture = this.#bitrate / 8 / this.rate;
    const quickest = this.#trips.length ? Math.min(...this.#trips.map(trip => trip.took)) : 100;
    const isLate = this.#way.length > 1 && performance.now() - this.#way[0] > Math.min(quickest, 1000) + 150;
    const isBehind = isLate || this.#live.buffered > Math.max(1.5 * picture, 6000) || (this.#encoder?.encodeQueueSize ?? 0) > 1;
    if (captured == null || !this.#live.isOpen || isBehind) {
      this.#dropped++;
      frame.close();
      return;
    }
    this.#begun ??= captured;
    const square = this.#cut(frame);
    try {
      if (this.#codec === 'jpeg') await this.#sendPicture(square, captured);
      else this.#encode(square, captured);
    } finally { square.close(); frame.close(); }
  }

  /// The middle of a picture in the proportion that is wanted.
  #cut(frame) {
    const wanted = this.width / this.height;
    let width = frame.displayWidth, height = frame.displayHeight;
    if (width / height > wanted) width = Math.round(height * wanted); else height = Math.round(width / wanted);
    const even = value => value & ~1;
    const rect = { x: even((frame.displayWidth - width) / 2), y: even((frame.displayHeight - height) / 2), width: even(width), height: even(height) };
    return new VideoFrame(frame, { visibleRect: rect, displayWidth: this.width, displayHeight: this.height });
  }

  #encode(frame, captured) {
    if (!this.#encoder || this.#encoder.state === 'closed') {
      this.#encoder = new VideoEncoder({ output: chunk => this.#send(chunk), error: error => { this.onnote(`The encoder failed: ${error.message}`); this.#next(); } });
      this.#configure();
    }
    const timestamp = Math.round(captured * 1000);
    this.#times.set(timestamp, { captured, at: performance.now() });
    const copy = new VideoFrame(frame, { timestamp });
    this.#encoder.encode(copy, { keyFrame: this.#needsKey || this.#sequence % 125 === 0 });
    this.#needsKey = false;
    copy.close();
  }

  #configure() {
    this.#encoder.configure({
      codec: NAMES[this.#codec], width: this.width, height: this.height, bitrate: this.#bitrate, framerate: this.rate,
      latencyMode: 'realtime', ...(this.#codec === 'h264' ? { avc: { format: 'annexb' } } : {}),
    });
    [this.#needsKey, this.#isFirst, this.#configured] = [true, true, this.#bitrate];
  }
  #configured = 1_000_000;

  /// The next codec that there is, when one holds frames back or fails.
  #next() {
    this.#codec = { vp8: 'h264', h264: 'jpeg', jpeg: 'jpeg' }[this.#codec];
    if (this.#encoder && this.#encoder.state !== 'closed') this.#encoder.close();
    [this.#encoder, this.#needsKey, this.#isFirst, this.#encodeTimes] = [null, true, true, []];
  }

  #send(chunk) {
    const times = this.#times.get(chunk.timestamp);
    this.#times.delete(chunk.timestamp);
    if (!times) return;
    this.#encodeTimes.push(performance.now() - times.at);
    const bytes = new Uint8Array(chunk.byteLength);
    chunk.copyTo(bytes);
    this.#ship(bytes, times.captured, chunk.type === 'key');
    if (this.#encodeTimes.length === 25 && percentile(this.#encodeTimes, .5) > 80) this.#next();
  }

  async #sendPicture(frame, captured) {
    const canvas = new OffscreenCanvas(this.width, this.height);
    canvas.getContext('2d').drawImage(frame, 0, 0, this.width, this.height);
    const blob = await canvas.convertToBlob({ type: 'image/jpeg', quality: .8 });
    this.#ship(new Uint8Array(await blob.arrayBuffer()), captured, true);
  }

  #ship(bytes, captured, isKey) {
    const data = message({
      kind: KIND.videoUp, isKey, isFirst: this.#isFirst, stream: CODEC[this.#codec], sequence: this.#sequence++,
      captured, presentation: captured - this.#begun,
    }, bytes);
    this.#isFirst = false;
    if (!this.#live.isOpen) return;
    this.#post(data);
    this.#sent++;
  }

  /// The run says how many messages came, of pictures and of sound.
  #post(data) {
    this.#live.send(data);
    this.#way.push(performance.now());
    this.#bytes += data.byteLength;
  }

  /// Half the bits where one frame in twenty finds no way; back by 5 % a second.
  #measure() {
    const share = this.#captured ? this.#dropped / this.#captured : 0;
    Object.assign(studio.stats, {
      up_kbit: this.#bytes * 8 / 1000, up_fps: this.#sent, up_dropped: (studio.stats.up_dropped ?? 0) + this.#dropped,
      up_codec: this.isOn ? this.#codec : null, up_bitrate: this.#bitrate, encode_p50: percentile(this.#encodeTimes.slice(-50), .5),
    });
    if (this.isOn && this.#captured > 5) {
      const before = this.#bitrate;
      if (share > .05) this.#bitrate = Math.max(100_000, this.#bitrate / 2);
      else if (this.#bitrate < 1_000_000) this.#bitrate = Math.min(1_000_000, this.#bitrate * 1.05);
      // Each new configuration costs a keyframe: not for every few percent.
      const isFar = Math.abs(this.#bitrate / this.#configured - 1) > .25 || this.#bitrate === 1_000_000;
      if (before !== this.#bitrate && isFar && this.#encoder?.state === 'configured') this.#configure();
    }
    [this.#captured, this.#dropped, this.#sent, this.#bytes] = [0, 0, 0, 0];
  }
}
