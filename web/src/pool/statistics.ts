// What this device has done so far, and how fast: items are counted into one bucket a second, and
// the rate is a mean over some seconds, because results of long chunks arrive about once a second.
import type { Tally } from './snapshot';

const WINDOW_S = 10;
/** The coordinator's window, for comparisons with its rate. */
const STEADY_WINDOW_S = 60;
/** Five minutes are what the chart shows. */
export const HISTORY_S = 300;

export class Statistics {
  readonly #now: () => number;
  readonly #began: number;
  /** Items of each second since the beginning, the oldest ones forgotten. */
  readonly #buckets: number[] = [];
  #forgotten = 0;
  #items = 0;
  #chunks = 0;
  #seconds = 0;
  #raised = 0;
  #replaced = 0;
  #received = 0;
  #sent = 0;
  /** The second in which the work under way began. */
  #jobBegan = 0;

  /** @param now Returns milliseconds. */
  constructor(now: () => number = Date.now) {
    this.#now = now;
    this.#began = now();
  }

  /** Begins the steady rate anew: what comes now has nothing to do with what was. */
  beginJob(): void {
    const last = this.#reachNow();
    this.#jobBegan = this.#forgotten + last;
  }

  countItems(count: number): void {
    this.#items += count;
    const last = this.#reachNow();
    this.#buckets[last] = (this.#buckets[last] ?? 0) + count;
  }

  /** @param worked Milliseconds of computing, rests left out. */
  countChunk(worked: number): void {
    this.#chunks += 1;
    this.#seconds += worked / 1000;
  }

  countRaised(count: number): void {
    this.#raised += count;
  }

  countReplaced(): void {
    this.#replaced += 1;
  }

  countReceived(bytes: number): void {
    this.#received += bytes;
  }

  countSent(bytes: number): void {
    this.#sent += bytes;
  }

  tally(): Tally {
    const history = this.#history();
    return {
      items: this.#items,
      chunks: this.#chunks,
      seconds: this.#seconds,
      rate: history.at(-1) ?? 0,
      steadyRate: this.#steadyRate(),
      received: this.#received,
      sent: this.#sent,
      history,
      raised: this.#raised,
      replaced: this.#replaced,
    };
  }

  #steadyRate(): number {
    const begin = Math.max(0, this.#jobBegan - this.#forgotten);
    const window = this.#buckets.slice(begin).slice(-STEADY_WINDOW_S);
    return window.reduce((sum, count) => sum + count, 0) / Math.max(1, window.length);
  }

  /** Returns, for each second kept, the mean rate of the window that ends with it. */
  #history(): readonly number[] {
    this.#reachNow();
    const rates: number[] = [];
    let inWindow = 0;
    for (const [index, count] of this.#buckets.entries()) {
      inWindow += count;
      if (index >= WINDOW_S) inWindow -= this.#buckets[index - WINDOW_S] ?? 0;
      rates.push(inWindow / Math.min(WINDOW_S, this.#forgotten + index + 1));
    }
    return rates.slice(-HISTORY_S);
  }

  /** Adds the empty seconds up to now and returns the index of this second's bucket. */
  #reachNow(): number {
    const second = Math.max(0, Math.floor((this.#now() - this.#began) / 1000));
    // A machine that slept for a day adds no day of zeros.
    while (this.#forgotten + this.#buckets.length <= second) {
      const missing = second - this.#forgotten - this.#buckets.length;
      if (missing > HISTORY_S + WINDOW_S) {
        this.#forgotten += this.#buckets.length + missing - HISTORY_S - WINDOW_S;
        this.#buckets.length = 0;
      }
      this.#buckets.push(0);
    }
    const surplus = this.#buckets.length - HISTORY_S - WINDOW_S;
    if (surplus > 0) {
      this.#buckets.splice(0, surplus);
      this.#forgotten += surplus;
    }
    return this.#buckets.length - 1;
  }
}
