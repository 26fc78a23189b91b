// The steps of a compute worker's start: in order, each with the time after which it counts as
// failed. Without a deadline a start may hang for ever, for instance where WebAssembly is switched
// off. Times are generous: four workers share the two slow cores of an old phone.
import type { StepName } from '../messages';

export const FRAME_DEADLINE_MS = 20_000;

export const STEP_DEADLINE_MS: Readonly<Record<StepName, number>> = {
  sandbox: 60_000,
  interpreter: 120_000,
  packages: 120_000,
  library: 60_000,
  confinement: 10_000,
};

export const STEPS = Object.keys(STEP_DEADLINE_MS) as readonly StepName[];
