import { describe, expect, it, vi } from 'vitest';
import { createChoices } from '../src/pool/choices';
import { mostWorkers, usualWorkers } from '../src/pool/hardware';
import { keepSettings, readSettings, type Settings, USUAL_SETTINGS } from '../src/pool/settings';

const CHOSEN: Settings = {
  workers: 3,
  power: 'gentle',
  battery: 'pause',
  hours: { from: 1320, to: 420 },
  keepAwake: true,
};

/** A storage that holds one text, or none. */
function storageOf(text: string | null) {
  let kept = text;
  return {
    getItem: () => kept,
    setItem: vi.fn((_key: string, value: string) => {
      kept = value;
    }),
  };
}

describe('settings', () => {
  it('come back as they were kept', () => {
    const storage = storageOf(null);

    keepSettings(CHOSEN, storage);

    expect(readSettings(storage)).toEqual(CHOSEN);
  });

  it.each([
    ['nothing was kept', null],
    ['no JSON', '{'],
    ['no object', '7'],
    ['null', 'null'],
  ])('are the usual ones where there is %s', (_what, text) => {
    expect(readSettings(storageOf(text))).toEqual(USUAL_SETTINGS);
  });

  it.each([
    ['workers', { workers: 0 }],
    ['workers', { workers: '3' }],
    ['power', { power: 'toString' }],
    ['battery', { battery: 'explode' }],
    ['hours', { hours: { from: 0, to: 1440 } }],
    ['hours', { hours: { from: 1.5, to: 3 } }],
    ['keepAwake', { keepAwake: 'yes' }],
  ])(
    'take the usual value of %s for a strange one, and the others as they are',
    (field, strange) => {
      const read = readSettings(storageOf(JSON.stringify({ ...CHOSEN, ...strange })));

      expect(read).toEqual({ ...without(CHOSEN, field), ...picked(USUAL_SETTINGS, field) });
    },
  );

  it('last as long as the page where nothing can be kept', () => {
    const storage = {
      getItem: () => null,
      setItem: () => {
        throw new DOMException('full', 'QuotaExceededError');
      },
    };

    expect(() => keepSettings(CHOSEN, storage)).not.toThrow();
  });
});

describe('the usual number of workers', () => {
  const desktop = { userAgent: 'X11; Linux', hardwareConcurrency: 16 };

  it.each([
    ['four at most', desktop, 4],
    ['one core is left', { ...desktop, hardwareConcurrency: 3 }, 2],
    ['at least one', { ...desktop, hardwareConcurrency: 1 }, 1],
    ['two GiB each', { ...desktop, deviceMemory: 4 }, 2],
    ['one with little memory', { ...desktop, deviceMemory: 0.5 }, 1],
    ['one on a phone', { ...desktop, userAgent: 'Android; Mobile' }, 1],
    ['where nothing is told', { userAgent: '' }, 1],
  ])('%s', (_what, hardware, workers) => {
    expect(usualWorkers(false, hardware)).toBe(workers);
    expect(usualWorkers(true, hardware)).toBe(1);
  });

  it('is not the most that can be asked for', () => {
    expect(mostWorkers(desktop)).toBe(16);
    expect(mostWorkers({ ...desktop, deviceMemory: 8 })).toBe(4);
  });
});

describe('choices', () => {
  const usual = (onBattery: boolean) => (onBattery ? 1 : 4);

  it('follow the device until somebody chooses', () => {
    const tell = vi.fn();
    const choices = createChoices(storageOf(null), tell, usual);

    choices.observe({ hidden: false, onBattery: true });

    expect(tell.mock.calls.map(([{ workers }]) => workers)).toEqual([4, 1]);
    choices.change({ ...USUAL_SETTINGS, workers: 3 });
    choices.observe({ hidden: false, onBattery: false });
    expect(choices.current()).toMatchObject({ workers: 3, onBattery: false });
  });

  it('are kept and heard of when they change, and not when nothing does', () => {
    const storage = storageOf(null);
    const choices = createChoices(storage, () => {}, usual);
    const listener = vi.fn();
    choices.subscribe(listener);

    choices.observe({ hidden: true });
    expect(listener).not.toHaveBeenCalled();
    choices.change(CHOSEN);

    expect(listener).toHaveBeenCalledOnce();
    expect(createChoices(storage, () => {}, usual).current().settings).toEqual(CHOSEN);
  });
});

function without(settings: object, field: string): object {
  return Object.fromEntries(Object.entries(settings).filter(([name]) => name !== field));
}

function picked(settings: object, field: string): object {
  return Object.fromEntries(Object.entries(settings).filter(([name]) => name === field));
}
