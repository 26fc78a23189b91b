import { act, cleanup, fireEvent, render, screen, within } from '@testing-library/react';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { App } from '../src/owner/App';
import { ownerStrings as strings } from '../src/owner/strings';
import { Watch } from '../src/owner/watch';
import { titleOf } from '../src/owner/words';
import { FakeCoordinator, STATS, WORKER } from './owner-samples';

// happy-dom has no canvas, and a chart that fails is a case of its own.
vi.mock('../src/components/Chart', () => ({ default: () => null }));

async function setUp(stats: object = {}) {
  const coordinator = new FakeCoordinator();
  coordinator.tells(stats);
  const watch = new Watch('token', coordinator.fetch);
  render(<App watch={watch} />);
  const pass = (milliseconds: number) => act(() => vi.advanceTimersByTimeAsync(milliseconds));
  watch.look(true);
  await pass(0);
  return { coordinator, watch, pass };
}

const device = (number: number) => {
  const row = document.querySelector<HTMLElement>(`[data-number="${number}"]`);
  if (!row) throw new Error(`there is no device ${number}`);
  return within(row);
};

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  cleanup();
  vi.useRealTimers();
});

describe('the dashboard', () => {
  it('shows how far the maps are', async () => {
    await setUp();

    expect(screen.getByRole('heading', { level: 1 }).textContent).toBe('prime gaps');
    const bar = screen.getByRole('progressbar', { name: /map 1, longest_gap/ });
    expect(bar.getAttribute('value')).toBe('400');
    expect(screen.getByText('40 %')).toBeDefined();
    expect(screen.getByText('400 of 1,000 items · 12 failed')).toBeDefined();
    expect(screen.getByText('about 1 minute left')).toBeDefined();
    expect(screen.getByText('3 chunks lent again')).toBeDefined();
  });

  it('has a row for each device', async () => {
    await setUp();

    expect(device(1).getByText('Firefox 153, Android')).toBeDefined();
    expect(device(1).getByText('browser worker 1 · 192.168.1.7')).toBeDefined();
    const cells = device(1).getAllByRole('cell');
    expect(cells.slice(0, -1).map((cell) => cell.textContent)).toEqual([
      '2',
      '3',
      '1,200',
      '20',
      '8',
      '0',
      '42 ms',
      'now',
    ]);
    expect(device(2).getByText('Native worker')).toBeDefined();
    expect(device(2).getAllByText('unknown')).toHaveLength(2);
  });

  it('says how many devices have no row', async () => {
    await setUp({ connected: { browser: 900, native: 52 } });

    expect(screen.getByText(/^950 more devices are connected/)).toBeDefined();
    expect(screen.getByText('900 browsers, 52 native')).toBeDefined();
  });

  it('groups errors, as text whatever they say', async () => {
    await setUp({ more_errors: 2 });

    expect(screen.getByText('ValueError: <b>negative</b>')).toBeDefined();
    expect(
      screen.getByText('12 items · first: item 7 of map 1, on browser worker 1'),
    ).toBeDefined();
    expect(screen.getByText('Traceback: line 3').closest('details')).toHaveProperty('open', false);
    expect(screen.getByText('and 2 other errors')).toBeDefined();
  });

  it('says what to do while no device is there', async () => {
    await setUp({ workers: [], connected: { browser: 0, native: 0 } });

    expect(screen.getByText(strings.headline.workless)).toBeDefined();
    expect(screen.getByText(strings.workers.noneText)).toBeDefined();
  });

  it('says that nothing is mapped', async () => {
    await setUp({ maps: [], rate: 0, remaining: null });

    expect(screen.getByText(strings.headline.idle)).toBeDefined();
    expect(screen.queryByRole('progressbar')).toBeNull();
  });

  it('shows no bar for a map without a known end', async () => {
    await setUp({ maps: [{ ...STATS.maps[0], total: null, failed: 0 }] });

    expect(screen.queryByRole('progressbar')).toBeNull();
    expect(screen.getByText('400 items done so far')).toBeDefined();
  });

  it('keeps what is known when the program ends, and says since when', async () => {
    const { coordinator, pass } = await setUp();

    coordinator.isSilent();
    await pass(2000);

    expect(screen.getByText(/^No answer since \d\d:\d\d:\d\d/)).toBeDefined();
    expect(screen.getByText(/^Asking again in \d second/)).toBeDefined();
    expect(screen.getByText('40 %')).toBeDefined();

    coordinator.speaksAgain();
    fireEvent.click(screen.getByRole('button', { name: 'Try now' }));
    await pass(0);
    expect(screen.queryByText(/^No answer/)).toBeNull();
  });

  it('says what is wrong with the link', async () => {
    const { coordinator, pass } = await setUp();

    coordinator.answers = { '/api/stats': 401 };
    await pass(1000);

    expect(screen.getByRole('alert').textContent).toContain(strings.refusals.token);
    expect(screen.queryByText('prime gaps')).toBeNull();
  });

  it('asks nothing without a token', () => {
    render(<App watch={null} />);

    expect(screen.getByRole('alert').textContent).toContain(strings.refusals.missing);
  });
});

describe('sending a device away', () => {
  const open = () =>
    fireEvent.click(screen.getByRole('button', { name: 'Send away browser worker 1' }));

  it('is asked about first, and done then', async () => {
    const { coordinator, pass } = await setUp();
    coordinator.answers['/api/workers/1/dismiss'] = 204;

    open();
    const dialog = within(screen.getByRole('dialog', { name: 'Send browser worker 1 away?' }));
    expect(coordinator.count('/api/workers/1/dismiss')).toBe(0);
    fireEvent.click(dialog.getByRole('button', { name: strings.dismissal.confirm }));
    await pass(0);

    expect(coordinator.count('/api/workers/1/dismiss')).toBe(1);
    expect(screen.queryByRole('dialog')).toBeNull();
    expect(device(1).getByText('sent away')).toBeDefined();
    expect(device(1).queryByRole('button')).toBeNull();
    expect(screen.getByRole('heading', { name: 'Devices' })).toBe(document.activeElement);
    expect(screen.getByText(/^You sent browser worker 1 away/).role).toBe('status');
  });

  it('is left undone', async () => {
    const { coordinator, pass } = await setUp();

    open();
    fireEvent.click(screen.getByRole('button', { name: strings.dismissal.cancel }));
    await pass(0);

    expect(screen.queryByRole('dialog')).toBeNull();
    expect(coordinator.count('/api/workers/1/dismiss')).toBe(0);
  });
});

describe('the link for volunteers', () => {
  it('is there to scan, to copy and to show', async () => {
    const { coordinator } = await setUp();
    const link = coordinator.answers['/api/link'] as { url: string; qr: string };
    const writeText = vi.fn(async () => {});
    vi.stubGlobal('navigator', { clipboard: { writeText } });

    const [picture] = screen.getAllByRole('img', { name: strings.share.qr });
    expect(picture?.getAttribute('src')).toBe(link.qr);
    await act(async () => {
      fireEvent.click(screen.getByRole('button', { name: 'Copy' }));
    });

    expect(writeText).toHaveBeenCalledWith(link.url);
    expect(screen.getByText('Copied.')).toBeDefined();
    vi.unstubAllGlobals();
  });

  it('says when there is none', async () => {
    const { coordinator, watch, pass } = await setUp();
    coordinator.isSilent();
    await pass(1000);
    coordinator.speaksAgain();
    coordinator.answers['/api/link'] = { url: null, qr: null };

    watch.retry();
    await pass(0);

    expect(screen.getByText(strings.share.none)).toBeDefined();
  });
});

describe('the tab', () => {
  it('shows how far all is, and nothing secret', async () => {
    const { watch, coordinator, pass } = await setUp();

    expect(titleOf(watch.view())).toBe('40 % · prime gaps');

    coordinator.tells({ maps: [], workers: [WORKER] });
    await pass(1000);
    expect(titleOf(watch.view())).toBe('prime gaps · Nitocris');

    coordinator.isSilent();
    await pass(1000);
    expect(titleOf(watch.view())).toBe('No answer · prime gaps');
  });
});
