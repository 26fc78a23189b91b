import { act, cleanup, fireEvent, render, screen } from '@testing-library/react';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { App } from '../src/App';
import type { ToDevice } from '../src/messages';
import type { Activity, Snapshot, Tally } from '../src/pool/snapshot';
import { createStore, type DeviceWorker } from '../src/pool/store';
import { strings } from '../src/strings';

// happy-dom has no canvas, and a chart that fails is a case of its own.
const chart = vi.hoisted(() => vi.fn<() => null>());
vi.mock('../src/components/Chart', () => ({ default: chart }));

const ASK = { title: 'squares.py', python: '3.12', wheels: ['numpy-2.0.1-x.whl'], bytes: 21e6 };
const TALLY: Tally = {
  ...{ items: 1234, chunks: 9, seconds: 61, rate: 2, history: [1, 2], raised: 0, replaced: 0 },
};
const RUNNING: Extract<Activity, { state: 'running' }> = {
  state: 'running',
  connection: { state: 'open', worker: 1, environment: 'e' },
  download: { state: 'done' },
  wanted: 2,
  workers: [
    { id: 4, state: 'computing', step: 'confinement', start: 'cold' },
    { id: 5, state: 'loading', step: 'interpreter', start: 'cold' },
  ],
  work: 'under way',
  tally: TALLY,
  incident: null,
};

/** The page on a device that is held in hand: what it is told, and what it tells. */
async function setUp(first?: Partial<Snapshot>) {
  const told: ToDevice[] = [];
  const worker: DeviceWorker = { onmessage: null, postMessage: (message) => told.push(message) };
  const frame = { port: new MessageChannel().port1, close: vi.fn() };
  const store = createStore(worker, 'token', 'http://here', () => frame);
  await act(async () => {
    render(<App token="present" store={store} />);
  });
  const show = (snapshot: Partial<Snapshot>) =>
    act(async () => {
      const lookup = { state: 'known', ask: ASK } as const;
      const activity = { state: 'stopped', tally: null } as const;
      const data = { type: 'snapshot', snapshot: { lookup, activity, ...snapshot } };
      worker.onmessage?.(new MessageEvent('message', { data }));
    });
  if (first) await show(first);
  return { told, show, frame };
}

const button = (name: string) => screen.getByRole('button', { name });

beforeEach(() => {
  chart.mockReturnValue(null);
});
afterEach(cleanup);

describe('the page', () => {
  it('says what is wrong with a link that lacks its token, and starts nothing', () => {
    render(<App token="malformed" store={null} />);

    expect(screen.getByText(strings.link.missing)).toBeDefined();
    expect(screen.queryByRole('button')).toBeNull();
  });

  it('says what it would do before Start can be pressed', async () => {
    const { show } = await setUp();
    expect(button('Start')).toHaveProperty('disabled', true);

    await show({});

    expect(screen.getByRole('heading', { level: 1 }).textContent).toContain('squares.py');
    expect(screen.getByText(/Python 3.12 in a sandbox/)).toBeDefined();
    expect(screen.getByText(/21 MB.*numpy/)).toBeDefined();
    expect(button('Start')).toHaveProperty('disabled', false);
  });

  it('starts and stops; stopping closes the frame first', async () => {
    const { told, show, frame } = await setUp({});

    fireEvent.click(button('Start'));
    await show({ activity: RUNNING });
    fireEvent.click(button('Stop'));

    expect(told.map(({ type }) => type)).toEqual(['open', 'start', 'stop']);
    expect(frame.close).toHaveBeenCalledOnce();
  });

  it('shows what is done, by whom, and how the connection is', async () => {
    await setUp({ activity: RUNNING });

    expect(screen.getByTestId('items-done').textContent).toBe('1,234');
    expect(screen.getByTestId('connection-state').textContent).toBe('Connected');
    const states = screen.getAllByTestId('worker-state').map(({ textContent }) => textContent);
    expect(states).toEqual(['computing', 'starting Python']);
    expect(document.title).toBe('1,234 done · Nitocris');
  });

  it('keeps its Stop button when the chart fails', async () => {
    vi.spyOn(console, 'error').mockImplementation(() => {});
    chart.mockImplementation(() => {
      throw new RangeError('invalid language tag: C');
    });

    await setUp({ activity: RUNNING });

    expect(button('Stop')).toBeDefined();
    expect(screen.queryByText(strings.tally.chartTitle)).toBeNull();
    expect(screen.getByTestId('items-done').textContent).toBe('1,234');
  });

  it('thanks between two maps', async () => {
    await setUp({ activity: { ...RUNNING, work: 'over' } });

    expect(screen.getByText('Waiting for the next map. Thank you!')).toBeDefined();
  });

  it('counts down to the next attempt, and can be told not to wait', async () => {
    const connection = { state: 'waiting', attempt: 3, until: Date.now() + 2_900 } as const;
    const { told } = await setUp({ activity: { ...RUNNING, connection } });

    fireEvent.click(button('Try now'));

    expect(screen.getByText(/Trying again in 3 seconds/)).toBeDefined();
    expect(told.at(-1)).toEqual({ type: 'retry' });
  });

  it('shows a failure in words, with its details folded', async () => {
    const failure = { message: strings.failures.start('interpreter'), details: 'at line 1' };
    await setUp({ activity: { state: 'failed', failure, tally: null } });

    expect(screen.getByRole('alert').textContent).toContain('it failed while starting Python');
    expect(screen.getByText('at line 1').closest('details')).toHaveProperty('open', false);
    expect(button('Start again')).toBeDefined();
  });

  it('says when the link is refused', async () => {
    await setUp({ lookup: { state: 'refused', message: strings.refusals['token'] ?? '' } });

    expect(screen.getByRole('alert').textContent).toContain('not valid any more');
    expect(button('Start')).toHaveProperty('disabled', true);
  });
});

describe('the words for refusals', () => {
  it.each(['token', 'role', 'protocol', 'malformed'])('know %s', (code) => {
    expect(strings.refusals[code]).toMatch(/\.$/);
  });
});
