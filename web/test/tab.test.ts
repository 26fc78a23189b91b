import { beforeEach, describe, expect, it } from 'vitest';
import type { Activity } from '../src/pool/snapshot';
import { askBeforeLeaving, showInTab, signOf, titleOf } from '../src/tab';
import { RUNNING, running, TALLY } from './samples';

const PAUSED = { state: 'paused', pause: { reason: 'battery' } } as const;
const WAITING = { state: 'waiting', until: 0, attempt: 1, reason: 'lost' } as const;
const FAILED: Activity = { state: 'failed', failure: { message: '', details: '' }, tally: null };

describe('the tab', () => {
  it.each<[Activity, string, string]>([
    [{ state: 'stopped', tally: null }, 'Nitocris', 'quiet'],
    [{ state: 'stopped', tally: TALLY }, 'Thank you · Nitocris', 'quiet'],
    [FAILED, 'Problem · Nitocris', 'trouble'],
    [RUNNING, '1,234 done · Nitocris', 'computing'],
    [running({ mode: PAUSED }), 'Paused · Nitocris', 'paused'],
    [running({ connection: WAITING }), 'Reconnecting · Nitocris', 'trouble'],
    [running({ mode: { state: 'finishing' } }), 'Finishing · Nitocris', 'computing'],
    [running({ work: 'over', workers: [] }), 'Getting ready · Nitocris', 'quiet'],
  ])('of %o', (activity, title, sign) => {
    expect([titleOf(activity), signOf(activity)]).toEqual([title, sign]);
  });

  it('changes its icon only with the state', () => {
    document.head.innerHTML = '<link rel="icon" href="/assets/logo.svg">';
    const icon = document.querySelector('link');
    showInTab(RUNNING);
    const first = icon?.href;

    showInTab(running({ tally: { ...TALLY, items: 1300 } }));
    expect(icon?.href).toBe(first);
    showInTab(FAILED);

    expect(first).toMatch(/^data:image\/svg\+xml/);
    expect(icon?.href).not.toBe(first);
    expect(document.title).toBe('Problem · Nitocris');
  });
});

describe('leaving the page', () => {
  let activity: Activity = RUNNING;
  const page = new EventTarget();
  const leave = () => page.dispatchEvent(new Event('beforeunload', { cancelable: true }));

  beforeEach(() => {
    activity = RUNNING;
  });

  it('asks while something computes, and only once', () => {
    askBeforeLeaving(() => activity, page);
    activity = running({ workers: [{ id: 1, state: 'idle', step: 'confinement', start: 'cold' }] });
    expect(leave()).toBe(true);
    activity = { state: 'stopped', tally: TALLY };
    expect(leave()).toBe(true);
    activity = RUNNING;

    expect(leave()).toBe(false);
    expect(leave()).toBe(true);
  });
});
