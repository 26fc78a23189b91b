// Items per second over time, from how many were done whenever somebody looked: a straight line
// lies between two looks, so that a page that was hidden for a minute shows no jump.

const WINDOW_S = 10;
/** What the chart shows. */
const HISTORY_S = 300;
const KEPT = HISTORY_S + WINDOW_S;

export class Throughput {
  /** Items done at each whole second, the oldest ones forgotten. */
  #done: number[] = [];
  #last: { readonly at: number; readonly done: number } | null = null;

  /**
   * Notes what was done at a time.
   *
   * @param at Seconds of the coordinator's clock; an earlier one than before is another run's.
   */
  add(at: number, done: number): void {
    const last = this.#last;
    this.#last = { at, done };
    if (!last || at < last.at || done < last.done) {
      this.#done = Number.isInteger(at) ? [done] : [];
      return;
    }
    const speed = (done - last.done) / (at - last.at || 1);
    const first = Math.max(Math.floor(last.at) + 1, Math.floor(at) - KEPT);
    for (let second = first; second <= at; second++) {
      this.#done.push(last.done + speed * (second - last.at));
    }
    this.#done.splice(0, this.#done.length - KEPT - 1);
  }

  /** Returns the mean rate of the window that ends with each second, the last one now. */
  history(): readonly number[] {
    const rates = this.#done.slice(1).map((done, index) => {
      const from = Math.max(0, index + 1 - WINDOW_S);
      return (done - (this.#done[from] ?? done)) / (index + 1 - from);
    });
    return rates.slice(-HISTORY_S);
  }
}
