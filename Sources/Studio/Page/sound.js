// The browser's microphone to the run, beside its camera: one channel at 48 kHz, as Opus, or as plain samples
// where there is no encoder.
import { KIND, message } from './live.js';

const RATE = 48_000, BLOCK = 960, CODEC = { samples: 0, opus: 1 };

export class Sound {
  #live; #ship; #stream; #context; #encoder; #sequence = 0; #begun = null; #waiting = []; #turn = 0;
  /// By block of the last five seconds, when it came less its own time: the least is the clocks' difference.
  #offsets = [];

  /// - ship: sends a binary message.
  constructor(live, ship) { [this.#live, this.#ship] = [live, ship]; }

  async start() {
    const turn = ++this.#turn;
    const stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1, echoCancellation: true, noiseSuppression: true }, video: false });
    // It was stopped while the browser asked: the microphone must not stay on.
    if (turn !== this.#turn) return stream.getTracks().forEach(track => track.stop());
    this.#stream = stream;
    this.#context = new AudioContext({ sampleRate: RATE, latencyHint: 'interactive' });
    await Promise.all([this.#context.audioWorklet.addModule('/worklet.js'), this.#configure(turn)]);
    if (turn !== this.#turn) return;
    const blocks = new AudioWorkletNode(this.#context, 'blocks', { channelCount: 1, channelCountMode: 'explicit', processorOptions: { size: BLOCK } });
    blocks.port.onmessage = ({ data }) => this.#take(data.first, data.samples);
    // Only what leads to the loudspeaker is worked on; nothing is to be heard there.
    this.#context.createMediaStreamSource(this.#stream).connect(blocks).connect(new GainNode(this.#context, { gain: 0 })).connect(this.#context.destination);
    [this.#begun, this.#offsets, this.#waiting] = [null, [], []];
    await this.#context.resume();
  }

  stop() {
    this.#turn++;
    this.#stream?.getTracks().forEach(track => track.stop());
    if (this.#encoder && this.#encoder.state !== 'closed') this.#encoder.close();
    this.#context?.close().catch(() => {});
    [this.#stream, this.#encoder, this.#context] = [null, null, null];
  }

  async #configure(turn) {
    const form = { codec: 'opus', sampleRate: RATE, numberOfChannels: 1, bitrate: 48_000 };
    const isThere = typeof AudioEncoder !== 'undefined' && (await AudioEncoder.isConfigSupported(form).catch(() => null))?.supported;
    if (!isThere || turn !== this.#turn) return;
    this.#encoder = new AudioEncoder({ output: chunk => this.#send(chunk), error: () => { this.#encoder = null; } });
    this.#encoder.configure(form);
  }

  /// A block of samples, the first of which has this number.
  #take(first, samples) {
    const now = performance.now(), time = first / RATE * 1000, length = BLOCK / RATE * 1000;
    this.#offsets.push({ now, offset: now - time - length });
    while (now - this.#offsets[0].now > 5000) this.#offsets.shift();
    const offset = Math.min(...this.#offsets.map(entry => entry.offset));
    const captured = this.#live.clock.now(time + offset);
    // On a slow way sound is left out like pictures are; the run puts silence in its place.
    if (captured == null || !this.#live.isOpen || this.#live.buffered > 50_000) return;
    this.#begun ??= first;
    const block = { captured, presentation: (first - this.#begun) / RATE * 1000 };
    if (!this.#encoder) return this.#post(new Int16Array(samples.map(value => Math.max(-1, Math.min(1, value)) * 32767)).buffer, block, CODEC.samples);
    this.#waiting.push(block);
    const data = new AudioData({ format: 'f32', sampleRate: RATE, numberOfFrames: BLOCK, numberOfChannels: 1, timestamp: Math.round(time * 1000), data: samples });
    this.#encoder.encode(data);
    data.close();
  }

  /// One packet comes out for each block of 20 ms.
  #send(chunk) {
    const block = this.#waiting.shift();
    if (!block) return;
    const bytes = new Uint8Array(chunk.byteLength);
    chunk.copyTo(bytes);
    this.#post(bytes.buffer, block, CODEC.opus);
  }

  #post(buffer, { captured, presentation }, stream) {
    this.#ship(message({ kind: KIND.audioUp, stream, sequence: this.#sequence++, captured, presentation }, new Uint8Array(buffer)));
  }
}
