// How loud a microphone is, measured in the page.

const SILENCE_DBOV = -100;

export class LevelMeter {
  #context = null;
  #analyser = null;
  #input = null;
  #samples = null;

  /** Listens to another track, or to none. */
  listen(track) {
    this.#input?.disconnect();
    this.#input = null;
    if (!track) return;
    this.#context ??= new AudioContext();
    if (!this.#analyser) {
      this.#analyser = this.#context.createAnalyser();
      this.#analyser.fftSize = 1_024;
      this.#samples = new Float32Array(this.#analyser.fftSize);
    }
    this.#context.resume().catch(() => {});
    this.#input = this.#context.createMediaStreamSource(new MediaStream([track]));
    this.#input.connect(this.#analyser);
  }

  /** The level of the last 20 ms in dBov: 0 is the loudest there is, -100 silence. */
  level() {
    if (!this.#input) return SILENCE_DBOV;
    this.#analyser.getFloatTimeDomainData(this.#samples);
    let energy = 0;
    for (const sample of this.#samples) energy += sample * sample;
    const rms = Math.sqrt(energy / this.#samples.length);
    return rms > 0 ? Math.max(20 * Math.log10(rms), SILENCE_DBOV) : SILENCE_DBOV;
  }

  close() {
    this.listen(null);
    this.#context?.close();
    this.#context = this.#analyser = null;
  }
}
