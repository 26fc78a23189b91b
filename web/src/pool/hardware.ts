// What this device is, as far as the browser tells, and how much of it a gentle guest would use.

/** More than four at once make a bad first impression on most machines; one is left to the owner. */
const USUAL_MAXIMUM = 4;
/** What one worker may need at its worst before it is replaced, in GiB. */
const MEMORY_PER_WORKER = 2;

/** The parts of `navigator` that are asked; not every browser has all of them. */
export interface Hardware {
  readonly hardwareConcurrency?: number;
  readonly deviceMemory?: number;
  readonly userAgent: string;
}

export function coresOf(hardware: Hardware = navigator): number {
  return Math.max(1, hardware.hardwareConcurrency ?? 1);
}

export function isPhone({ userAgent }: Hardware = navigator): boolean {
  return /Mobi|Android|iPhone|iPad/.test(userAgent);
}

/** The most workers that can be asked for: one a core, as far as the memory reaches. */
export function mostWorkers(hardware: Hardware = navigator): number {
  return Math.min(coresOf(hardware), byMemory(hardware));
}

/** The workers that there are until somebody chooses. */
export function usualWorkers(onBattery: boolean, hardware: Hardware = navigator): number {
  if (onBattery || isPhone(hardware)) return 1;
  return Math.max(1, Math.min(coresOf(hardware) - 1, mostWorkers(hardware), USUAL_MAXIMUM));
}

function byMemory({ deviceMemory }: Hardware): number {
  if (deviceMemory === undefined) return Number.POSITIVE_INFINITY;
  return Math.max(1, Math.floor(deviceMemory / MEMORY_PER_WORKER));
}
