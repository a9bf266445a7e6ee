// Samples of one channel in blocks of one size, with the number of the first of each: the sound thread.
class Blocks extends AudioWorkletProcessor {
  #block; #count = 0;
  constructor({ processorOptions }) {
    super();
    this.#block = new Float32Array(processorOptions.size);
  }

  process([[samples]]) {
    // Without a source there is silence.
    const length = samples?.length ?? 128;
    for (let index = 0; index < length; index++) {
      this.#block[this.#count++] = samples?.[index] ?? 0;
      if (this.#count < this.#block.length) continue;
      this.port.postMessage({ first: currentFrame + index + 1 - this.#count, samples: this.#block.slice() });
      this.#count = 0;
    }
    return true;
  }
}

registerProcessor('blocks', Blocks);
