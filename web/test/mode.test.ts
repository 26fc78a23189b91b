import { describe, expect, it, vi } from 'vitest';
import { isWithin, readTime, writeTime } from '../src/pool/clock';
import { watchConditions } from '../src/pool/conditions';
import { type Conditions, modeOf } from '../src/pool/mode';
import { type Settings, USUAL_SETTINGS } from '../src/pool/settings';
import { ScreenLock } from '../src/pool/wakelock';

const NOON = new Date(2026, 0, 5, 12, 0);

function stateOf(settings: Partial<Settings>, conditions: Partial<Conditions>, at = NOON) {
  const mode = modeOf(
    'compute',
    { ...USUAL_SETTINGS, ...settings },
    { hidden: false, ...conditions },
    at,
  );
  return mode.state === 'paused' ? mode.pause.reason : mode.state;
}

describe('the mode', () => {
  it.each([
    ['compute', { onBattery: true, hidden: true }, 'computing'],
    ['pause when hidden', { onBattery: true, hidden: true }, 'hidden on battery'],
    ['pause when hidden', { onBattery: true, hidden: false }, 'computing'],
    ['pause when hidden', { onBattery: false, hidden: true }, 'computing'],
    ['pause when hidden', { hidden: true }, 'computing'],
    ['pause', { onBattery: true }, 'battery'],
    ['pause', { onBattery: false }, 'computing'],
  ] as const)('with "%s" and %o is: %s', (battery, conditions, expected) => {
    expect(stateOf({ battery }, conditions)).toBe(expected);
  });

  it('keeps to the hours, and says when it goes on', () => {
    const hours = { from: 22 * 60, to: 7 * 60 };

    expect(stateOf({ hours }, {})).toBe('hours');
    expect(stateOf({ hours }, {}, new Date(2026, 0, 5, 22, 0))).toBe('computing');
    expect(stateOf({ hours }, {}, new Date(2026, 0, 5, 6, 59))).toBe('computing');
    expect(modeOf('compute', { ...USUAL_SETTINGS, hours }, { hidden: false }, NOON)).toEqual({
      state: 'paused',
      pause: { reason: 'hours', from: 22 * 60 },
    });
  });

  it('puts the wish before the rules', () => {
    const rules: Settings = { ...USUAL_SETTINGS, battery: 'pause' };
    const conditions = { hidden: false, onBattery: true };

    expect(modeOf('finish', rules, conditions, NOON)).toEqual({ state: 'finishing' });
    expect(modeOf('pause', rules, conditions, NOON)).toMatchObject({ pause: { reason: 'wish' } });
  });
});

describe('times of the day', () => {
  it.each([
    [600, 540, 1020, true],
    [1020, 540, 1020, false],
    [540, 540, 1020, true],
    [0, 1320, 420, true],
    [420, 1320, 420, false],
    [1319, 1320, 420, false],
    [5, 600, 600, true],
  ])('%i in %i to %i: %s', (now, from, to, expected) => {
    expect(isWithin(now, from, to)).toBe(expected);
  });

  it.each([0, 59, 60, 450, 1439])('%i is read as it is written', (minutes) => {
    expect(readTime(writeTime(minutes))).toBe(minutes);
  });

  it.each(['', '24:00', '7:30', '12:60', '12:30:00'])('%j is none', (text) => {
    expect(readTime(text)).toBeUndefined();
  });
});

/** A page whose visibility is set by hand. */
function fakePage() {
  const page = new EventTarget() as EventTarget & { visibilityState: string };
  page.visibilityState = 'visible';
  const turn = (state: string) => {
    page.visibilityState = state;
    page.dispatchEvent(new Event('visibilitychange'));
  };
  return { page: page as unknown as Document, turn };
}

describe('the conditions', () => {
  it('are told at once and at every change', async () => {
    const { page, turn } = fakePage();
    const battery = Object.assign(new EventTarget(), { charging: true });
    const device = { getBattery: async () => battery } as unknown as Navigator;
    const told: Conditions[] = [];
    watchConditions((conditions) => told.push(conditions), page, device);
    await vi.waitFor(() => expect(told).toHaveLength(2));

    turn('hidden');
    battery.charging = false;
    battery.dispatchEvent(new Event('chargingchange'));

    expect(told).toEqual([
      { hidden: false },
      { hidden: false, onBattery: false },
      { hidden: true, onBattery: false },
      { hidden: true, onBattery: true },
    ]);
  });

  it('do without a battery that the browser does not show', async () => {
    const { page } = fakePage();
    const refusing = { getBattery: () => Promise.reject(new Error('policy')) };
    const tell = vi.fn();

    watchConditions(tell, page, {} as Navigator);
    watchConditions(tell, page, refusing as unknown as Navigator);
    await Promise.resolve();

    expect(tell.mock.calls).toEqual([[{ hidden: false }], [{ hidden: false }]]);
  });
});

describe('the screen lock', () => {
  function setUp() {
    const { page, turn } = fakePage();
    const release = vi.fn(async () => {});
    const request = vi.fn(async () => ({ release }));
    return { turn, release, request, lock: new ScreenLock({ wakeLock: { request } }, page) };
  }

  it('is asked for once, and let go of when it is not wanted', async () => {
    const { lock, request, release } = setUp();
    lock.want(true);
    lock.want(true);

    lock.want(false);
    await vi.waitFor(() => expect(release).toHaveBeenCalledOnce());

    expect(request).toHaveBeenCalledOnce();
  });

  it('is asked for again when the tab comes back', () => {
    const { lock, request, turn } = setUp();
    lock.want(true);

    turn('hidden');
    turn('visible');

    expect(request).toHaveBeenCalledTimes(2);
  });

  it('waits for the tab to be seen', () => {
    const { lock, request, turn } = setUp();
    turn('hidden');
    lock.want(true);
    expect(request).not.toHaveBeenCalled();

    turn('visible');

    expect(request).toHaveBeenCalledOnce();
  });

  it('does without where it is refused or absent', async () => {
    const refusing = { wakeLock: { request: () => Promise.reject(new Error('battery low')) } };
    const { page } = fakePage();

    for (const source of [refusing, {}]) {
      const lock = new ScreenLock(source, page);
      lock.want(true);
      lock.want(false);
    }
    await Promise.resolve();
  });
});
