import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { INTERVAL_MS, Watch } from '../src/owner/watch';
import { FakeCoordinator, LINK, NATIVE, STATS } from './owner-samples';

function setUp() {
  const coordinator = new FakeCoordinator();
  const watch = new Watch('t'.repeat(22), coordinator.fetch);
  const shown = () => {
    const view = watch.view();
    if (view.state !== 'shown') throw new Error(`the view is ${view.state}`);
    return view;
  };
  const pass = (milliseconds: number) => vi.advanceTimersByTimeAsync(milliseconds);
  return { coordinator, watch, shown, pass };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('the watch', () => {
  it('asks once a second with the token in a header, and for the link once', async () => {
    const { coordinator, watch, shown, pass } = setUp();

    watch.look(true);
    await pass(2 * INTERVAL_MS);

    expect(shown().stats.title).toBe('prime gaps');
    expect(shown().link).toEqual(LINK);
    expect(coordinator.count('/api/stats')).toBe(3);
    expect(coordinator.count('/api/link')).toBe(1);
    expect(new Set(coordinator.asked.map((each) => each.authorization))).toEqual(
      new Set([`Bearer ${'t'.repeat(22)}`]),
    );
  });

  it('rests while nobody looks, and asks at once when somebody does', async () => {
    const { coordinator, watch, pass } = setUp();
    watch.look(true);
    await pass(0);

    watch.look(false);
    await pass(60_000);
    expect(coordinator.count('/api/stats')).toBe(1);

    watch.look(true);
    await pass(0);
    expect(coordinator.count('/api/stats')).toBe(2);
  });

  it('rests as well when the page is hidden while an answer is on its way', async () => {
    const { coordinator, watch, pass } = setUp();

    watch.look(true);
    watch.look(false);
    await pass(60_000);

    expect(coordinator.count('/api/stats')).toBe(1);
  });

  it('keeps what it knew when nobody answers, asks ever more rarely, and comes back', async () => {
    const { coordinator, watch, shown, pass } = setUp();
    watch.look(true);
    await pass(0);

    coordinator.isSilent();
    await pass(60_000);
    expect(shown().stats.done).toBe(400);
    expect(shown().away?.since).toBeTypeOf('number');
    expect(coordinator.count('/api/stats')).toBeLessThan(10);

    coordinator.speaksAgain();
    watch.retry();
    await pass(0);
    expect(shown().away).toBeNull();
    expect(coordinator.count('/api/link')).toBe(2);
  });

  it('says that nobody has ever answered', async () => {
    const { coordinator, watch, pass } = setUp();
    coordinator.isSilent();

    watch.look(true);
    await pass(0);

    expect(watch.view()).toMatchObject({ state: 'asking', away: { since: null } });
  });

  it.each([401, 403])('asks no more when it is refused with %i', async (status) => {
    const { coordinator, watch, pass } = setUp();
    coordinator.answers = { '/api/stats': status };

    watch.look(true);
    await pass(60_000);

    expect(watch.view()).toEqual({ state: 'refused', reason: 'token' });
    expect(coordinator.asked).toHaveLength(1);
  });

  it.each([{}, { ...STATS, workers: 3 }, { ...STATS, rate: -1 }, []])(
    'does not show what makes no sense: %j',
    async (answer) => {
      const { coordinator, watch, pass } = setUp();
      coordinator.answers = { '/api/stats': answer };

      watch.look(true);
      await pass(0);

      expect(watch.view()).toEqual({ state: 'refused', reason: 'strange' });
    },
  );

  it('knows that there is no link where no volunteers are admitted', async () => {
    const { coordinator, watch, shown, pass } = setUp();
    coordinator.answers['/api/link'] = { url: null, qr: null };

    watch.look(true);
    await pass(0);

    expect(shown().link).toBeNull();
  });
});

describe('sending a device away', () => {
  it('marks it until it is gone, and says so', async () => {
    const { coordinator, watch, shown, pass } = setUp();
    coordinator.answers['/api/workers/2/dismiss'] = 204;
    watch.look(true);
    await pass(0);

    await watch.dismiss(2, 'native worker 2');
    expect(coordinator.asked.at(-1)).toMatchObject({ method: 'POST' });
    expect(shown().dismissed).toEqual(new Set([2]));
    expect(shown().notice).toContain('You sent native worker 2 away');

    coordinator.tells({ workers: [] });
    await pass(INTERVAL_MS);
    expect(shown().dismissed).toEqual(new Set());
    expect(shown().notice).not.toBe('');

    await pass(60_000);
    expect(shown().notice).toBe('');
  });

  it('is no failure when the device has left by itself', async () => {
    const { coordinator, watch, shown, pass } = setUp();
    coordinator.answers['/api/workers/2/dismiss'] = 404;
    watch.look(true);
    await pass(0);

    await watch.dismiss(2, 'native worker 2');

    expect(shown().notice).toContain('You sent native worker 2 away');
  });

  it('says when it could not be done, so that it can be tried again', async () => {
    const { watch, shown, pass } = setUp();
    watch.look(true);
    await pass(0);

    await watch.dismiss(NATIVE.number, 'native worker 2');

    expect(shown().notice).toContain('could not be sent away');
    expect(shown().dismissed).toEqual(new Set());
  });
});
