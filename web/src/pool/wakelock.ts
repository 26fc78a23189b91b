// Keeps the screen on while it is wanted. The browser takes the lock away from a hidden tab, so it
// is asked for again when the tab comes back.

interface Lock {
  release(): Promise<void>;
}

/** What is used of `navigator`; the lock is absent outside secure contexts. */
export interface LockSource {
  readonly wakeLock?: { request(type: 'screen'): Promise<Lock> };
}

export function canKeepAwake(source: LockSource = navigator): boolean {
  return source.wakeLock !== undefined;
}

export class ScreenLock {
  #wanted = false;
  #lock: Promise<Lock | undefined> | undefined;
  readonly #source: LockSource;
  readonly #page: Document;

  constructor(source: LockSource = navigator, page: Document = document) {
    this.#source = source;
    this.#page = page;
    page.addEventListener('visibilitychange', () => {
      // A hidden tab's lock is gone already.
      if (page.visibilityState === 'visible') {
        this.#lock = undefined;
        this.#apply();
      }
    });
  }

  want(wanted: boolean): void {
    if (wanted === this.#wanted) return;
    this.#wanted = wanted;
    this.#apply();
  }

  #apply(): void {
    if (this.#wanted && !this.#lock && this.#page.visibilityState === 'visible') {
      // It is refused, for example, on a nearly empty battery.
      this.#lock = this.#source.wakeLock?.request('screen').catch(() => undefined);
    }
    if (!this.#wanted && this.#lock) {
      void this.#lock.then((lock) => lock?.release());
      this.#lock = undefined;
    }
  }
}
