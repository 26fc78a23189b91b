// The steps of a compute worker's start: in order, each with the time after which it counts as
// failed. Without a deadline a start may hang for ever, for instance where WebAssembly is switched
// off. Times are generous: four workers share the two slow cores of an old phone.
import type { StepName } from '../messages';

export const FRAME_DEADLINE_MS = 20_000;

export const STEP_DEADLINE_MS = {
  sandbox: 60_000,
  // A download takes as long as the network wants, and has failures of its own.
  files: null,
  interpreter: 120_000,
  library: 60_000,
  wheels: null,
  packages: 120_000,
  confinement: 10_000,
} as const satisfies Readonly<Record<StepName, number | null>>;

/** From here on a snapshot is of no more use: a start without one takes less. */
export const RESTORE_DEADLINE_MS = 10_000;

/** How long other workers wait for the first one's snapshot before they start without. */
export const SNAPSHOT_DEADLINE_MS = 30_000;

export const STEPS = Object.keys(STEP_DEADLINE_MS) as readonly StepName[];
