// Watches an execution for its owner: asks once a second, as long as somebody looks, and goes on
// by itself after the connection was lost. A store without React.
import { DownloadError } from '../assets/download';
import { type Link, readLink, readStats, type Stats } from './stats';
import { ownerStrings as strings } from './strings';
import { Throughput } from './throughput';

export type View =
  /** Nothing has been heard yet. */
  | { readonly state: 'asking'; readonly away: Away | null }
  /** Nothing is asked any more: the token is wrong, or the answers make no sense. */
  | { readonly state: 'refused'; readonly reason: 'token' | 'strange' }
  | Shown;

export interface Shown {
  readonly state: 'shown';
  readonly stats: Stats;
  /** Items per second, one value a second, the last one when `stats` came. */
  readonly history: readonly number[];
  /** Undefined until it is known, null where no volunteers are admitted. */
  readonly link: Link | null | undefined;
  /** The devices that the owner has sent away and that are not gone yet. */
  readonly dismissed: ReadonlySet<number>;
  /** What came of the last dismissal. */
  readonly notice: string;
  readonly away: Away | null;
}

/** Nobody answers. */
export interface Away {
  /** When somebody last did, in milliseconds; null if never. */
  readonly since: number | null;
  /** When it is asked again. */
  readonly until: number;
}

export const INTERVAL_MS = 1000;
const ANSWER_MS = 10_000;
const LONGEST_WAIT_MS = 15_000;
/** How long what came of a dismissal stays to be read. */
const NOTICE_MS = 30_000;

export class Watch {
  readonly #token: string;
  readonly #fetch: typeof fetch;
  readonly #listeners = new Set<() => void>();
  readonly #throughput = new Throughput();
  #view: View = { state: 'asking', away: null };
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isVisible = false;
  #isAsking = false;
  #failures = 0;
  #heard: number | null = null;
  #noted = 0;

  constructor(token: string, fetching: typeof fetch) {
    this.#token = token;
    this.#fetch = fetching;
  }

  readonly view = (): View => this.#view;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Asks from now on, or rests: nobody sees a hidden page. */
  look(isVisible: boolean): void {
    this.#isVisible = isVisible;
    clearTimeout(this.#timer);
    if (isVisible) this.retry();
  }

  /** Asks now. */
  readonly retry = (): void => {
    if (this.#isAsking || this.#view.state === 'refused') return;
    clearTimeout(this.#timer);
    void this.#ask();
  };

  /** Sends a device away; what came of it is in the view. */
  readonly dismiss = async (number: number, name: string): Promise<void> => {
    this.#mark(number, true);
    try {
      const response = await this.#request(`/api/workers/${number}/dismiss`, 'POST');
      // A device that is not there any more has gone by itself.
      if (!response.ok && response.status !== 404) throw new TypeError(`status ${response.status}`);
      this.#note(strings.dismissal.done(name));
    } catch {
      this.#mark(number, false);
      this.#note(strings.dismissal.failed(name));
    }
  };

  async #ask(): Promise<void> {
    this.#isAsking = true;
    try {
      const stats = readStats(await this.#get('/api/stats'));
      const view = this.#view;
      const known = view.state === 'shown' && !view.away ? view.link : undefined;
      const link = known === undefined ? readLink(await this.#get('/api/link')) : known;
      this.#hear(stats, link);
    } catch (error) {
      if (error instanceof RefusedError) this.#become({ state: 'refused', reason: 'token' });
      else if (error instanceof DownloadError)
        this.#become({ state: 'refused', reason: 'strange' });
      else this.#miss();
    } finally {
      this.#isAsking = false;
    }
  }

  async #get(path: string): Promise<unknown> {
    const response = await this.#request(path, 'GET');
    if (response.status === 401 || response.status === 403) throw new RefusedError();
    if (!response.ok) throw new TypeError(`status ${response.status}`);
    return response.json();
  }

  #request(path: string, method: 'GET' | 'POST'): Promise<Response> {
    return this.#fetch(path, {
      method,
      headers: { Authorization: `Bearer ${this.#token}` },
      cache: 'no-store',
      credentials: 'omit',
      redirect: 'error',
      signal: AbortSignal.timeout(ANSWER_MS),
    });
  }

  #hear(stats: Stats, link: Link | null): void {
    this.#failures = 0;
    this.#heard = Date.now();
    this.#throughput.add(stats.running, stats.done);
    const before = this.#view.state === 'shown' ? this.#view : null;
    const present = new Set(stats.workers.map(({ number }) => number));
    this.#become({
      state: 'shown',
      stats,
      history: this.#throughput.history(),
      link,
      dismissed: new Set([...(before?.dismissed ?? [])].filter((number) => present.has(number))),
      notice: before && Date.now() < this.#noted + NOTICE_MS ? before.notice : '',
      away: null,
    });
    this.#askAfter(INTERVAL_MS);
  }

  #miss(): void {
    const wait = Math.min(LONGEST_WAIT_MS, INTERVAL_MS * 2 ** this.#failures);
    this.#failures += 1;
    const away = { since: this.#heard, until: Date.now() + wait };
    const view = this.#view;
    if (view.state !== 'refused') this.#become({ ...view, away });
    this.#askAfter(wait);
  }

  #askAfter(wait: number): void {
    clearTimeout(this.#timer);
    if (this.#isVisible) this.#timer = setTimeout(this.retry, wait);
  }

  #mark(number: number, isDismissed: boolean): void {
    if (this.#view.state !== 'shown') return;
    const dismissed = new Set(this.#view.dismissed);
    if (isDismissed) dismissed.add(number);
    else dismissed.delete(number);
    this.#become({ ...this.#view, dismissed });
  }

  #note(notice: string): void {
    this.#noted = Date.now();
    if (this.#view.state === 'shown') this.#become({ ...this.#view, notice });
  }

  #become(view: View): void {
    this.#view = view;
    for (const listener of this.#listeners) listener();
  }
}

/** The token is wrong. */
class RefusedError extends Error {
  override readonly name = 'RefusedError';
}
