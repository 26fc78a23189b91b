import { describe, expect, it } from 'vitest';
import type { Activity } from '../src/pool/snapshot';
import { strings } from '../src/strings';
import {
  awayText,
  errorLine,
  headlineOf,
  pauseText,
  standingWords,
  verbsFor,
  workerWord,
} from '../src/words';
import { RUNNING, running, STANDING, TALLY } from './samples';

const PAUSED = { state: 'paused', pause: { reason: 'wish' } } as const;
const ON_BATTERY = { state: 'paused', pause: { reason: 'battery' } } as const;
const FINISHING = { state: 'finishing' } as const;
const WAITING = { state: 'waiting', until: 5_000, attempt: 1, reason: 'lost' } as const;

describe('the verbs', () => {
  it.each<[string, Activity, readonly string[]]>([
    ['before Start', { state: 'stopped', tally: null }, ['start']],
    ['after the end', { state: 'stopped', tally: TALLY }, ['start']],
    [
      'after a failure',
      { state: 'failed', failure: { message: '', details: '' }, tally: null },
      ['start'],
    ],
    ['while computing', RUNNING, ['pause', 'finish']],
    ['while paused', running({ mode: PAUSED }), ['resume', 'finish']],
    ['while paused by a rule', running({ mode: ON_BATTERY }), ['pause', 'finish']],
    ['while finishing', running({ mode: FINISHING }), ['resume', 'stop']],
  ])('%s', (_when, activity, verbs) => {
    expect(verbsFor(activity)).toEqual(verbs);
  });
});

describe('the headline', () => {
  it.each([
    [{}, 'Computing squares.py'],
    [{ work: 'over' }, strings.work.next],
    [{ work: 'none' }, strings.work.first],
    [{ workers: [] }, strings.work.starting],
    [{ download: { state: 'asking' } }, strings.work.downloading],
    [{ connection: WAITING }, strings.connection.waiting],
    [{ connection: { ...WAITING, state: 'ended' } }, strings.connection.ended],
    [
      { work: 'over', connection: { state: 'connecting', attempt: 2, after: 'waiting' } },
      strings.connection.waiting,
    ],
    [{ mode: FINISHING }, strings.work.finishing],
    [{ mode: PAUSED, connection: WAITING }, strings.pauses.heading],
  ] as const)('for %o is "%s"', (part, headline) => {
    expect(headlineOf(running(part), 'squares.py')).toBe(headline);
  });
});

describe('a pause', () => {
  it('says why, and when it ends by itself', () => {
    expect(pauseText({ reason: 'hours', from: 22 * 60 })).toMatch(/at 22:00\.$/);
    expect(pauseText({ reason: 'hidden on battery' })).toMatch(/battery and the tab is hidden/);
  });
});

describe('a connection that is away', () => {
  it('counts down, and says whether it is lost or all places are taken', () => {
    expect(awayText(running({ connection: WAITING }), 2_100)).toMatch(/lost.* in 3 seconds/);
    expect(awayText(running({ connection: WAITING }), 9_000)).toMatch(/Trying again\.$/);
    const full = { ...WAITING, reason: 'full' } as const;
    expect(awayText(running({ connection: full }), 2_100)).toMatch(/places are taken.* 3 seconds/);
    expect(awayText(RUNNING, 0)).toBeUndefined();
  });
});

describe('how the job stands', () => {
  it('tells share of the items, time, devices, and this device’s part', () => {
    expect(standingWords(STANDING, TALLY)).toEqual([
      '40 % of 1,000 items',
      'about 1 minute left',
      '12 devices',
      '25 % of the speed is yours',
    ]);
  });

  it('says no more than is known', () => {
    expect(standingWords({ devices: 1, done: 5, rate: 0 })).toEqual([
      '5 items done so far',
      '1 device',
    ]);
    expect(standingWords({ devices: 0, done: 0, total: 0, rate: 0 }, TALLY)).toEqual([
      strings.standing.nothing,
      '0 devices',
    ]);
  });

  it('never claims more than all of it, nor nothing for a little', () => {
    const shareOf = (steadyRate: number) =>
      standingWords(STANDING, { ...TALLY, steadyRate }).at(-1);

    expect(shareOf(9)).toBe('100 % of the speed is yours');
    expect(shareOf(2.439)).toBe('30 % of the speed is yours');
    expect(shareOf(0.01)).toBe('less than 1 % of the speed is yours');
    expect(shareOf(0)).toBe('0 % of the speed is yours');
  });

  it.each([
    [20, 'less than a minute left'],
    [3_500, 'about 58 minutes left'],
    [9_000, 'about 3 hours left'],
    [400_000, 'about 5 days left'],
  ])('%i s are %s', (seconds, words) => {
    expect(strings.standing.remaining(seconds)).toBe(words);
  });
});

describe('a worker', () => {
  it.each([
    [{ state: 'idle' }, 'idle'],
    [{ state: 'leaving' }, 'finishing'],
    [{ state: 'loading' }, 'starting Python'],
    [{ state: 'replacing' }, 'replacing: starting Python'],
  ] as const)('that is %o', (part, word) => {
    expect(workerWord({ id: 1, step: 'interpreter', start: 'cold', ...part })).toBe(word);
  });
});

describe('what the function raised', () => {
  it('is named by the last line of its traceback', () => {
    const traceback = 'Traceback (most recent call last):\n  File "x"\nValueError: no root\n';

    expect(errorLine({ traceback })).toBe('ValueError: no root');
    expect(errorLine(null)).toBeNull();
    expect(errorLine({ traceback: '\n' })).toBeNull();
  });
});
