// Whether this device computes just now, and if not, why: the volunteer's wish first, then what
// they chose for the battery and the hours.
import { isWithin, minutesOf } from './clock';
import type { Settings } from './settings';

/** What the device is doing at the moment, as far as the browser tells. */
export interface Conditions {
  /** Undefined where the browser does not tell. */
  readonly onBattery?: boolean;
  readonly hidden: boolean;
}

/** What the volunteer wants: `finish` ends the session after the chunks under way. */
export type Wish = 'compute' | 'pause' | 'finish';

export type Pause =
  | { readonly reason: 'wish' }
  | { readonly reason: 'battery' }
  | { readonly reason: 'hidden on battery' }
  | { readonly reason: 'hours'; readonly from: number };

export type Mode =
  | { readonly state: 'computing' }
  | { readonly state: 'paused'; readonly pause: Pause }
  | { readonly state: 'finishing' };

export function modeOf(wish: Wish, settings: Settings, conditions: Conditions, now: Date): Mode {
  if (wish === 'finish') return { state: 'finishing' };
  if (wish === 'pause') return { state: 'paused', pause: { reason: 'wish' } };
  const pause = ruleAgainst(settings, conditions, now);
  return pause ? { state: 'paused', pause } : { state: 'computing' };
}

function ruleAgainst(settings: Settings, conditions: Conditions, now: Date): Pause | undefined {
  const { battery, hours } = settings;
  if (conditions.onBattery && battery === 'pause') return { reason: 'battery' };
  if (conditions.onBattery && conditions.hidden && battery === 'pause when hidden') {
    return { reason: 'hidden on battery' };
  }
  if (hours && !isWithin(minutesOf(now), hours.from, hours.to)) {
    return { reason: 'hours', from: hours.from };
  }
  return undefined;
}
