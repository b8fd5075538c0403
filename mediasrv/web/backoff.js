// When to try again: later each time, and each browser at another moment.

const FIRST_MS = 500;
const LONGEST_MS = 15_000;

export class Backoff {
  #wake = () => {};

  /** Resolves when attempt number `attempt` (from 0) is due, or when `wake` is called. */
  wait(attempt) {
    const longest = Math.min(FIRST_MS * 2 ** attempt, LONGEST_MS);
    // Spread out, so that a restarted server does not meet all its people in the same instant.
    const delay = longest * (0.5 + Math.random() / 2);
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, delay);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  wake() {
    this.#wake();
  }
}
