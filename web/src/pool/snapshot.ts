// What the I/O worker tells the page: everything that is shown, in one value that cannot contradict
// itself. Plain data, because it crosses a thread.
import type { Connection } from '../link/connection';
import type { Failure, Start, StepName } from '../messages';

/** What the owner asks of this device, known before anything but a page was downloaded. */
export interface Ask {
  readonly title: string;
  readonly python: string;
  /** Files of packages, such as "numpy-2.0.1-cp312-….whl". */
  readonly wheels: readonly string[];
  readonly bytes: number;
}

export type Lookup =
  | { readonly state: 'asking' }
  | { readonly state: 'known'; readonly ask: Ask }
  /** No answer, or none yet: asked again at `until`, in milliseconds since 1970. */
  | { readonly state: 'unavailable'; readonly message: string; readonly until: number }
  | { readonly state: 'refused'; readonly message: string };

export type Download =
  | { readonly state: 'asking' }
  | { readonly state: 'loading'; readonly received: number; readonly total: number }
  /** It failed and is tried again. */
  | { readonly state: 'delayed'; readonly message: string }
  | { readonly state: 'done' };

export interface WorkerView {
  readonly id: number;
  readonly state: 'loading' | 'idle' | 'computing' | 'leaving';
  /** The step of its start, while it is loading. */
  readonly step: StepName;
  readonly start: Start;
}

/** `none`: no map so far; `under way`: one is; `over`: the last one is. */
export type Work = 'none' | 'under way' | 'over';

export interface Tally {
  readonly items: number;
  readonly chunks: number;
  /** Seconds of computing, of all workers together. */
  readonly seconds: number;
  /** Items per second, now. */
  readonly rate: number;
  /** Items per second, one value for each of the last seconds, oldest first. */
  readonly history: readonly number[];
  /** Items for which the owner's function raised an error. */
  readonly raised: number;
  /** Compute workers that died and were replaced. */
  readonly replaced: number;
}

export type Activity =
  | { readonly state: 'stopped'; readonly tally: Tally | null }
  | {
      readonly state: 'running';
      readonly connection: Connection;
      readonly download: Download;
      readonly wanted: number;
      readonly workers: readonly WorkerView[];
      readonly work: Work;
      readonly tally: Tally;
      /** The last thing that went wrong and was dealt with. */
      readonly incident: Failure | null;
    }
  | { readonly state: 'failed'; readonly failure: Failure; readonly tally: Tally | null };

export interface Snapshot {
  readonly lookup: Lookup;
  readonly activity: Activity;
}

export const FIRST_SNAPSHOT: Snapshot = {
  lookup: { state: 'asking' },
  activity: { state: 'stopped', tally: null },
};
