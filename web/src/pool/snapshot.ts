// What the I/O worker tells the page: everything that is shown, in one value that cannot contradict
// itself. Plain data, because it crosses a thread.
import type { MappedFunction } from '../assets/job';
import type { Connection } from '../link/connection';
import type { Failure, Start, StepName } from '../messages';
import type { Mode } from './mode';

/** What the owner asks of this device, known before anything but a page was downloaded. */
export interface Ask {
  readonly title: string;
  /** The owner's own words; may be empty. */
  readonly description: string;
  readonly python: string;
  /** What runs now; empty between maps, or while it is not known. */
  readonly functions: readonly MappedFunction[];
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

/** How the whole job stands, all devices together. */
export interface Standing {
  readonly devices: number;
  readonly done: number;
  readonly total?: number;
  /** Items per second. */
  readonly rate: number;
  /** Seconds. */
  readonly remaining?: number;
}

export type Download =
  | { readonly state: 'asking' }
  | { readonly state: 'loading'; readonly received: number; readonly total: number }
  /** It failed and is tried again. */
  | { readonly state: 'delayed'; readonly message: string }
  | { readonly state: 'done' };

/** A step of its start, or `turn`: the first worker's snapshot has to be there before it begins. */
export type WorkerStep = StepName | 'turn';

export interface WorkerView {
  readonly id: number;
  readonly state: 'loading' | 'replacing' | 'idle' | 'computing' | 'leaving';
  /** What it does while it is loading. */
  readonly step: WorkerStep;
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
  /** Items per second during the last minute, as the coordinator counts them for everybody. */
  readonly steadyRate: number;
  /** Bytes that came over the network; what the browser had kept does not count. */
  readonly received: number;
  readonly sent: number;
  /** Items per second, one value for each of the last seconds, oldest first. */
  readonly history: readonly number[];
  /** Items for which the owner's function raised an error. */
  readonly raised: number;
  /** Compute workers that died and were replaced. */
  readonly replaced: number;
}

/** What the owner's function raised last, as Python writes it. */
export interface Raised {
  readonly traceback: string;
}

export type Activity =
  | { readonly state: 'stopped'; readonly tally: Tally | null }
  | {
      readonly state: 'running';
      readonly mode: Mode;
      readonly connection: Connection;
      /** Seconds that the connection was away, for a while after it came back. */
      readonly rejoined: number | null;
      readonly download: Download;
      readonly wanted: number;
      readonly workers: readonly WorkerView[];
      readonly work: Work;
      readonly tally: Tally;
      readonly raised: Raised | null;
      /** The last thing that went wrong and was dealt with. */
      readonly incident: Failure | null;
    }
  | { readonly state: 'failed'; readonly failure: Failure; readonly tally: Tally | null };

export interface Snapshot {
  readonly lookup: Lookup;
  /** Null while it is not known. */
  readonly standing: Standing | null;
  readonly activity: Activity;
  /** How often Start was heard: the activity is that of the last one. */
  readonly starts: number;
}

export const FIRST_SNAPSHOT: Snapshot = {
  lookup: { state: 'asking' },
  standing: null,
  activity: { state: 'stopped', tally: null },
  starts: 0,
};
