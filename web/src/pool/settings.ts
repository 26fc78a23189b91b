// What the volunteer has chosen, kept on the device and read back with suspicion: another version
// of this page may have written it.
import type { Minutes } from './clock';

/** The share of its time that a worker computes; it rests between two results. */
export const POWERS = { gentle: 0.25, half: 0.5, full: 1 } as const;
export type Power = keyof typeof POWERS;

export const BATTERY_RULES = ['compute', 'pause when hidden', 'pause'] as const;
/** What happens on battery. */
export type BatteryRule = (typeof BATTERY_RULES)[number];

export interface Hours {
  readonly from: Minutes;
  readonly to: Minutes;
}

export interface Settings {
  /** Undefined until somebody chooses: then it follows the device. */
  readonly workers?: number;
  readonly power: Power;
  readonly battery: BatteryRule;
  /** When it may compute; always where there are none. */
  readonly hours?: Hours;
  readonly keepAwake: boolean;
}

export const USUAL_SETTINGS: Settings = {
  power: 'full',
  battery: 'pause when hidden',
  keepAwake: false,
};

const KEY = 'nitocris-settings';

export function readSettings(storage: Pick<Storage, 'getItem'>): Settings {
  let kept: unknown;
  try {
    kept = JSON.parse(storage.getItem(KEY) ?? 'null');
  } catch {
    return USUAL_SETTINGS;
  }
  if (typeof kept !== 'object' || kept === null) return USUAL_SETTINGS;
  const { workers, power, battery, hours, keepAwake } = kept as Record<keyof Settings, unknown>;
  return {
    ...(isWhole(workers, 1, 1024) && { workers }),
    power: isOneOf(power, Object.keys(POWERS)) ? (power as Power) : USUAL_SETTINGS.power,
    battery: isOneOf(battery, BATTERY_RULES) ? (battery as BatteryRule) : USUAL_SETTINGS.battery,
    ...(isHours(hours) && { hours }),
    keepAwake: keepAwake === true,
  };
}

/** Keeps the choices; where the browser keeps nothing, they last as long as the page. */
export function keepSettings(settings: Settings, storage: Pick<Storage, 'setItem'>): void {
  try {
    storage.setItem(KEY, JSON.stringify(settings));
  } catch {
    // A full or forbidden storage.
  }
}

function isHours(value: unknown): value is Hours {
  if (typeof value !== 'object' || value === null) return false;
  const { from, to } = value as Record<keyof Hours, unknown>;
  return isWhole(from, 0, 24 * 60 - 1) && isWhole(to, 0, 24 * 60 - 1);
}

function isWhole(value: unknown, low: number, high: number): value is number {
  return Number.isInteger(value) && Number(value) >= low && Number(value) <= high;
}

function isOneOf(value: unknown, known: readonly string[]): boolean {
  return typeof value === 'string' && known.includes(value);
}
