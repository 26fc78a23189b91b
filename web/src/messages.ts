// Every message between the page's four places, one union for each direction.
//
//   main thread  <-->  I/O worker  <-- port -->  sandboxed frame  -- boot -->  compute worker
//                          ^------------------------- port -------------------------^
//
// A chunk's bytes travel on the last port only; the main thread sees nothing but snapshots.
import type { Conditions, Wish } from './pool/mode';
import type { Settings } from './pool/settings';
import type { Snapshot } from './pool/snapshot';

/** What went wrong: a sentence for people, and what is folded away beneath it. */
export interface Failure {
  /** Instead of the usual one, which says that something is wrong. */
  readonly heading?: string;
  readonly message: string;
  readonly details: string;
}

// ------------------------------------------------------------- main thread and I/O worker

export type ToDevice =
  | { readonly type: 'open'; readonly token: string; readonly origin: string }
  | { readonly type: 'settings'; readonly settings: Settings; readonly workers: number }
  | { readonly type: 'conditions'; readonly conditions: Conditions }
  | { readonly type: 'start'; readonly frame: MessagePort }
  | { readonly type: 'wish'; readonly wish: Wish }
  | { readonly type: 'retry' }
  | { readonly type: 'stop' };

export type FromDevice = { readonly type: 'snapshot'; readonly snapshot: Snapshot };

// ------------------------------------------------------------- I/O worker and sandboxed frame

/** Where a package is unpacked: site-packages, the standard library's folder, or /usr/lib. */
export type InstallDir = 'site' | 'stdlib' | 'dynlib';

export interface Package {
  readonly bytes: ArrayBuffer;
  readonly installDir: InstallDir;
}

/** Names of the bytes that a compute worker starts from; the frame holds them by SHA-256. */
export interface Recipe {
  /** The Pyodide release, such as "0.27.8". */
  readonly version: string;
  /** Files of the release by name, such as "pyodide.asm.js". */
  readonly runtime: Readonly<Record<string, string>>;
  readonly wheels: readonly { readonly id: string; readonly installDir: InstallDir }[];
  readonly bundle: string;
  /** The name of a memory snapshot of these; null where the release makes none. */
  readonly snapshot: string | null;
}

/**
 * How an interpreter starts: from its files; likewise, and it hands out a snapshot of its memory
 * before it sees anything of a job; or from such a snapshot.
 */
export type Start = 'cold' | 'making' | 'restored';

export type ToFrame =
  | { readonly type: 'source'; readonly text: string }
  | { readonly type: 'keep'; readonly id: string; readonly bytes: ArrayBuffer }
  | { readonly type: 'drop'; readonly id: string }
  /** The interpreter's code is compiled while other files are still on their way. */
  | { readonly type: 'compile'; readonly id: string }
  | {
      readonly type: 'spawn';
      readonly worker: number;
      readonly recipe: Recipe;
      readonly start: Start;
      readonly port: MessagePort;
    }
  | { readonly type: 'terminate'; readonly worker: number };

export type FromFrame =
  | { readonly type: 'ready' }
  | { readonly type: 'crashed'; readonly worker: number; readonly details: string };

/** The frame's first word to the page that holds it; the answer carries a port. */
export const FRAME_READY = 'nitocris-frame-ready';

// ------------------------------------------------------------- frame and compute worker

/** First `boot`, then everything else once, as it arrives. */
export type FrameToCompute =
  | {
      readonly type: 'boot';
      readonly version: string;
      readonly start: Start;
      /** The names of the files to come. */
      readonly files: readonly string[];
      readonly port: MessagePort;
    }
  | { readonly type: 'file'; readonly name: string; readonly bytes: ArrayBuffer }
  | { readonly type: 'interpreter'; readonly module: WebAssembly.Module }
  | { readonly type: 'packages'; readonly packages: readonly Package[] };

/** Files that are none of the release's. */
export const BUNDLE_FILE = 'worker.zip';
export const SNAPSHOT_FILE = 'snapshot';

// ------------------------------------------------------------- I/O worker and compute worker

export type ToCompute =
  /** A `map` or `forget` frame: nothing is answered. */
  | { readonly type: 'inform'; readonly frame: ArrayBuffer; readonly blobs: readonly ArrayBuffer[] }
  /** A `chunk` frame: results, then `done`. */
  | {
      readonly type: 'compute';
      readonly frame: ArrayBuffer;
      readonly blobs: readonly ArrayBuffer[];
    }
  /** Packages that a later map needs besides. */
  | { readonly type: 'install'; readonly packages: readonly Package[] }
  /** The share of its time that it computes from now on, above 0 and at most 1. */
  | { readonly type: 'power'; readonly share: number }
  /** The chunk under way is not wanted any more; `done` comes early. */
  | { readonly type: 'abandon' };

/** The steps of a compute worker's start, in order. */
export type StepName =
  | 'sandbox'
  | 'files'
  | 'interpreter'
  | 'library'
  | 'wheels'
  | 'packages'
  | 'confinement';

export type FromCompute =
  | { readonly type: 'step'; readonly name: StepName }
  /** The memory of an interpreter that has seen no job; null if it could not be had. */
  | { readonly type: 'snapshot'; readonly bytes: ArrayBuffer | null }
  | { readonly type: 'ready' }
  /** With what the function raised, if it did, as Python writes it. */
  | { readonly type: 'result'; readonly frame: ArrayBuffer; readonly raised: string | null }
  /**
   * The chunk is over; `heap` is the interpreter's memory in bytes, which never shrinks, and
   * `worked` the milliseconds of computing.
   */
  | { readonly type: 'done'; readonly heap: number; readonly worked: number }
  | { readonly type: 'broken'; readonly details: string };

/** Makes a forgotten case of a union a type error. */
export function never(value: never): never {
  throw new TypeError(`unexpected ${JSON.stringify(value)}`);
}
