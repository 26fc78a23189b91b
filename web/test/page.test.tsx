import { act, cleanup, fireEvent, render, screen } from '@testing-library/react';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { App } from '../src/App';
import type { ToDevice } from '../src/messages';
import type { Snapshot } from '../src/pool/snapshot';
import { createStore, type DeviceWorker } from '../src/pool/store';
import { strings } from '../src/strings';
import { ASK, RUNNING, running, STANDING, TALLY } from './samples';

// happy-dom has no canvas, and a chart that fails is a case of its own.
const chart = vi.hoisted(() => vi.fn<() => null>());
vi.mock('../src/components/Chart', () => ({ default: chart }));

/** The page on a device that is held in hand: what it is told, and what it tells. */
async function setUp(first?: Partial<Snapshot>) {
  const told: ToDevice[] = [];
  const worker: DeviceWorker = { onmessage: null, postMessage: (message) => told.push(message) };
  const frame = { port: new MessageChannel().port1, close: vi.fn() };
  const storage = { getItem: () => null, setItem: vi.fn() };
  const store = createStore(worker, 'token', 'http://here', storage, () => frame);
  await act(async () => {
    render(<App token="present" store={store} />);
  });
  const show = (snapshot: Partial<Snapshot>) =>
    act(async () => {
      const lookup = { state: 'known', ask: ASK } as const;
      const activity = { state: 'stopped', tally: null } as const;
      const starts = told.filter(({ type }) => type === 'start').length;
      const whole = { lookup, standing: null, activity, starts, ...snapshot };
      const data = { type: 'snapshot', snapshot: whole };
      worker.onmessage?.(new MessageEvent('message', { data }));
    });
  if (first) await show(first);
  return { told, show, frame, storage };
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

  it('shows the owner’s words, the code that will run, and how the job stands', async () => {
    const ask = { ...ASK, description: 'For my thesis.' };
    await setUp({ lookup: { state: 'known', ask }, standing: STANDING });

    expect(screen.getByText('For my thesis.')).toBeDefined();
    const code = screen.getByText(/return x \* x/);
    expect(code.closest('details')).toHaveProperty('open', false);
    expect(screen.getByText('40 % of 1,000 items')).toBeDefined();
    expect(screen.getByRole('progressbar').getAttribute('value')).toBe('400');
  });

  it('says what browser is needed where there is no WebAssembly', () => {
    render(<App token="present" store={null} />);

    expect(screen.getByText(strings.trouble.old)).toBeDefined();
    expect(screen.queryByRole('button')).toBeNull();
  });

  it('starts, pauses, goes on, finishes; stopping closes the frame first', async () => {
    const { told, show, frame } = await setUp({});

    fireEvent.click(button('Start'));
    await show({ activity: RUNNING });
    fireEvent.click(button('Pause'));
    const pause = { reason: 'wish' } as const;
    await show({ activity: running({ mode: { state: 'paused', pause } }) });
    expect(screen.getByTestId('pause').textContent).toBe(strings.pauses.wish);
    fireEvent.click(button('Resume'));
    await show({ activity: RUNNING });
    fireEvent.click(button('Finish'));
    await show({ activity: running({ mode: { state: 'finishing' } }) });
    fireEvent.click(button('Stop now'));

    const commands = told.map((each) => (each.type === 'wish' ? each.wish : each.type));
    expect(commands).toEqual(['open', 'settings', 'start', 'pause', 'compute', 'finish', 'stop']);
    expect(frame.close).toHaveBeenCalledOnce();
  });

  it('closes the frame when the device has finished, and thanks', async () => {
    const { show, frame } = await setUp({});
    fireEvent.click(button('Start'));
    await show({ activity: RUNNING });

    await show({ activity: { state: 'stopped', tally: TALLY } });

    expect(frame.close).toHaveBeenCalledOnce();
    expect(screen.getByRole('heading', { level: 1 }).textContent).toBe('Thank you!');
    expect(screen.getByText(/1,234 items in 1 minute/)).toBeDefined();
    expect(button('Start again')).toHaveProperty('disabled', false);
  });

  it('closes the frame of a start that failed at once, and not that of the next one', async () => {
    const { show, frame } = await setUp({});
    const failure = { message: 'No.', details: '' };
    fireEvent.click(button('Start'));
    expect(frame.close).not.toHaveBeenCalled();

    await show({ activity: { state: 'failed', failure, tally: null } });
    expect(frame.close).toHaveBeenCalledOnce();
    fireEvent.click(button('Start again'));
    await show({ activity: { state: 'failed', failure, tally: null }, starts: 1 });

    expect(frame.close).toHaveBeenCalledOnce();
  });

  it('does not take the second click on Start for one on Pause', async () => {
    const { told, show } = await setUp({});
    fireEvent.click(button('Start'), { detail: 1 });
    await show({ activity: RUNNING });

    fireEvent.click(button('Pause'), { detail: 2 });

    expect(told.at(-1)?.type).toBe('start');
  });

  it('tells the device every choice, and keeps it', async () => {
    const { told, storage } = await setUp({});

    fireEvent.click(screen.getByRole('radio', { name: 'Gentle' }));
    fireEvent.click(screen.getByRole('checkbox', { name: 'Only at certain hours' }));
    fireEvent.change(screen.getByLabelText('from'), { target: { value: '21:30' } });

    expect(told.at(-1)).toMatchObject({
      type: 'settings',
      settings: { power: 'gentle', hours: { from: 21 * 60 + 30, to: 7 * 60 } },
    });
    expect(JSON.parse(storage.setItem.mock.lastCall?.[1])).toMatchObject({ power: 'gentle' });
    expect(screen.getByText(/25 % of the time/)).toBeDefined();
  });

  it('shows what the function raised in words, with the traceback folded', async () => {
    const traceback = 'Traceback (most recent call last):\n  …\nValueError: no root\n';
    await setUp({ activity: running({ tally: { ...TALLY, raised: 2 }, raised: { traceback } }) });

    expect(screen.getByText(/raised an error 2 times, last: ValueError: no root\./)).toBeDefined();
    expect(screen.getByText(/Traceback/).closest('details')).toHaveProperty('open', false);
  });

  it('shows what is done, by whom, and how the connection is', async () => {
    await setUp({ activity: RUNNING });

    expect(screen.getByTestId('items-done').textContent).toBe('1,234');
    expect(screen.getByTestId('connection-state').textContent).toBe('Connected');
    const states = screen.getAllByTestId('worker-state').map(({ textContent }) => textContent);
    expect(states).toEqual(['computing', 'starting Python']);
  });

  it('keeps its buttons when the chart fails', async () => {
    vi.spyOn(console, 'error').mockImplementation(() => {});
    chart.mockImplementation(() => {
      throw new RangeError('invalid language tag: C');
    });

    await setUp({ activity: RUNNING });

    expect(button('Finish')).toBeDefined();
    expect(screen.queryByText(strings.tally.chartTitle)).toBeNull();
    expect(screen.getByTestId('items-done').textContent).toBe('1,234');
  });

  it('thanks between two maps', async () => {
    await setUp({ activity: { ...RUNNING, work: 'over' } });

    expect(screen.getByText('Waiting for the next map. Thank you!')).toBeDefined();
  });

  it('counts down to the next attempt, and can be told not to wait', async () => {
    const until = Date.now() + 2_900;
    const connection = { state: 'waiting', attempt: 3, until, reason: 'lost' } as const;
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
