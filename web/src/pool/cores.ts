// How many compute workers this device can have, and how many it gets unasked.

/** More than four at once make a bad first impression on most machines; one is left to the owner. */
const USUAL_MAXIMUM = 4;
/** What one worker may need at its worst before it is replaced, in GiB. */
const MEMORY_PER_WORKER = 2;

/** The parts of `navigator` that are asked; not every browser has all of them. */
interface DeviceFacts {
  readonly hardwareConcurrency?: number;
  readonly deviceMemory?: number;
  readonly userAgent: string;
}

export function coresOf(device: DeviceFacts = navigator): number {
  return Math.max(1, device.hardwareConcurrency ?? 1);
}

export function usualWorkers(device: DeviceFacts = navigator): number {
  if (/Mobi|Android|iPhone|iPad/.test(device.userAgent)) return 1;
  const byMemory = Math.floor(
    (device.deviceMemory ?? Number.POSITIVE_INFINITY) / MEMORY_PER_WORKER,
  );
  return Math.max(1, Math.min(coresOf(device) - 1, byMemory, USUAL_MAXIMUM));
}
