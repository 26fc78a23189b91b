// How the next compute worker of a device starts. The first one makes a snapshot of its memory, the
// others wait for that, because a start from it takes a fraction of a cold one:
//
//     wanted -> making -> held
//        |         |        |
//        +---------+--------+--> off: all start cold
//
// A snapshot is taken only while no function has been sent to the sandbox: what the code of one job
// could have touched is never kept for the next. Whatever fails here is not tried again.
import type { Start } from '../messages';
import { SNAPSHOT_DEADLINE_MS } from '../sandbox/steps';

type State =
  | { readonly state: 'off' | 'wanted' | 'held' }
  | { readonly state: 'making'; readonly worker: number };

export class Starts {
  #state: State = { state: 'off' };
  #isClean = true;
  #deadline: ReturnType<typeof setTimeout> | undefined;
  readonly #onLate: () => void;

  /** @param onLate Called when the others have waited long enough. */
  constructor(onLate: () => void) {
    this.#onLate = onLate;
  }

  /** Begins anew with another recipe. */
  begin(isPossible: boolean, isHeld: boolean): void {
    clearTimeout(this.#deadline);
    const state = !isPossible ? 'off' : isHeld ? 'held' : this.#isClean ? 'wanted' : 'off';
    this.#state = { state };
  }

  /** Says how this worker starts; null means that it has to wait. */
  next(worker: number): Start | null {
    switch (this.#state.state) {
      case 'off':
        return 'cold';
      case 'held':
        return 'restored';
      case 'making':
        return null;
      case 'wanted':
        this.#state = { state: 'making', worker };
        return 'making';
    }
  }

  /** This worker's interpreter is starting: downloads, which take any time, are over. */
  isStarting(worker: number): void {
    if (!this.isMaking(worker)) return;
    this.#deadline = setTimeout(() => {
      this.stop();
      this.#onLate();
    }, SNAPSHOT_DEADLINE_MS);
  }

  /** Whether a snapshot that this worker hands out is to be kept; from then on it is used. */
  accepts(worker: number): boolean {
    if (!this.isMaking(worker)) return false;
    clearTimeout(this.#deadline);
    this.#state = { state: 'held' };
    return true;
  }

  isMaking(worker: number): boolean {
    return this.#state.state === 'making' && this.#state.worker === worker;
  }

  /** A function was sent to the sandbox. */
  taint(): void {
    if (!this.#isClean) return;
    this.#isClean = false;
    if (this.#state.state !== 'held') this.stop();
  }

  /** From now on all start cold. */
  stop(): void {
    clearTimeout(this.#deadline);
    this.#state = { state: 'off' };
  }
}
