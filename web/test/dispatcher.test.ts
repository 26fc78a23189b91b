import { beforeEach, describe, expect, it, vi } from 'vitest';
import { type Chunk, decodeFrame, fromCoordinator } from '../src/link/frames';
import type { ToCompute } from '../src/messages';
import { Dispatcher, GRACE_MS } from '../src/pool/dispatcher';
import { Statistics } from '../src/pool/statistics';
import { frameOf } from './fakes';

/** A dispatcher whose workers are lists of what they were told. */
function setUp(workers: number[] = [1, 2]) {
  const told = new Map<number, ToCompute[]>();
  const sent: object[] = [];
  const forwarded: ArrayBuffer[] = [];
  const replaced: number[] = [];
  const fetchBlobs = vi.fn(async (ids: readonly string[]) => ids.map(() => new ArrayBuffer(4)));
  const statistics = new Statistics();
  const dispatcher = new Dispatcher(
    {
      available: () => workers,
      tell: (worker, message) => told.set(worker, [...(told.get(worker) ?? []), message]),
      replace: (worker, reason) => {
        replaced.push(worker);
        workers = workers.filter((each) => each !== worker);
        dispatcher.left(worker, reason);
      },
      fetchBlobs,
      send: (message) => sent.push(message),
      forward: (frame) => forwarded.push(frame),
      onChange: () => {},
    },
    statistics,
  );
  const receive = async (header: object) => {
    const frame = frameOf(header);
    dispatcher.receive(fromCoordinator(decodeFrame(frame).header), frame);
    await vi.advanceTimersByTimeAsync(0);
  };
  const chunk = (lease: number, map = 1, blobs: string[] = []) =>
    receive({ type: 'chunk', lease, map, skip: 2, stop: 6, blobs, piecewise: false });
  const result = (lease: number, more: object = {}) =>
    frameOf({
      type: 'result',
      lease,
      offset: 2,
      count: 4,
      raised: 0,
      final: true,
      seconds: 0,
      slowest: [],
      ...more,
    });
  const kinds = (worker: number) => (told.get(worker) ?? []).map(({ type }) => type);
  const started = (worker: number) =>
    (told.get(worker) ?? []).flatMap((message) => {
      if (message.type !== 'compute') return [];
      return [(fromCoordinator(decodeFrame(message.frame).header) as Chunk).lease];
    });
  return {
    ...{ dispatcher, statistics, told, sent, forwarded, replaced, fetchBlobs },
    ...{ receive, chunk, result, kinds, started },
    introduce: (map = 1, blobs: string[] = []) => receive({ type: 'map', map, blobs }),
    leave: (worker: number) => {
      workers = workers.filter((each) => each !== worker);
      dispatcher.left(worker, 'it died');
    },
    join: (worker: number) => {
      workers = [...workers, worker];
      dispatcher.pump();
    },
  };
}

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 });
});

describe('the dispatcher', () => {
  it('tells a worker the map before its first chunk, and only then', async () => {
    const { dispatcher, introduce, chunk, kinds } = setUp([1]);
    await introduce();
    await chunk(10);
    dispatcher.done(1, 100);

    await chunk(11);

    expect(kinds(1)).toEqual(['inform', 'compute', 'compute']);
  });

  it('tells a replaced worker the map again', async () => {
    const { dispatcher, introduce, chunk, kinds, join } = setUp([1]);
    await introduce();
    await chunk(10);
    dispatcher.left(1, 'it died');
    await chunk(11);

    join(2);

    expect(kinds(2)).toEqual([]);
    expect(kinds(1)).toEqual(['inform', 'compute', 'inform', 'compute']);
  });

  it('spreads chunks over the workers and queues what is too much', async () => {
    const { dispatcher, introduce, chunk, kinds } = setUp([1, 2]);
    await introduce();
    for (const lease of [10, 11, 12]) await chunk(lease);
    expect([kinds(1).length, kinds(2).length]).toEqual([2, 2]);

    dispatcher.done(2, 100);

    expect(kinds(2)).toEqual(['inform', 'compute', 'compute']);
  });

  it('forwards the results of the lease that a worker has, and counts them', async () => {
    const { dispatcher, statistics, introduce, chunk, result, forwarded } = setUp([1]);
    await introduce();
    await chunk(10);

    dispatcher.result(1, result(10, { count: 3, final: false }));
    dispatcher.result(1, result(10, { offset: 5, count: 1 }));
    dispatcher.done(1, 100);

    expect(forwarded).toHaveLength(2);
    expect(statistics.tally()).toMatchObject({ items: 4, chunks: 1, raised: 0 });
  });

  it('forwards what items printed, which is no result', async () => {
    const { dispatcher, statistics, introduce, chunk, forwarded } = setUp([1]);
    await introduce();
    await chunk(10);

    dispatcher.result(1, frameOf({ type: 'output', lease: 10, dropped: 0 }));

    expect(forwarded).toHaveLength(1);
    expect(statistics.tally()).toMatchObject({ items: 0 });
  });

  it.each([
    ['as many as raised', { count: 3, raised: 2, final: false }, 2],
    ['no more than a chunk can have', { count: 1e9, raised: 1e9 }, 4],
  ])('counts the items that raised: %s', async (_what, claim, raised) => {
    const { dispatcher, statistics, introduce, chunk, result } = setUp([1]);
    await introduce();
    await chunk(10);

    dispatcher.result(1, result(10, claim));

    expect(statistics.tally().raised).toBe(raised);
  });

  it.each([
    ['answers another lease', { lease: 99 }],
    ['prints for another lease', { type: 'output', lease: 99, dropped: 0 }],
    ['speaks in the name of the device', { type: 'hello' }],
    ['sends a header that is none', { count: 'many' }],
  ])('replaces a worker that %s, and forwards nothing', async (_what, lie) => {
    const { dispatcher, introduce, chunk, result, forwarded, replaced, sent } = setUp([1]);
    await introduce();
    await chunk(10);

    dispatcher.result(1, result(10, lie));

    expect(forwarded).toEqual([]);
    expect(replaced).toEqual([1]);
    expect(sent).toMatchObject([{ type: 'failed', lease: 10 }]);
  });

  it('starts what waits in the order in which it came', async () => {
    const { dispatcher, introduce, chunk, started } = setUp([1, 2]);
    await introduce();
    for (const lease of [10, 11, 12, 13, 14, 15]) await chunk(lease);

    for (const worker of [2, 1, 1, 2]) dispatcher.done(worker, 100);

    expect([started(1), started(2)]).toEqual([
      [10, 13, 14],
      [11, 12, 15],
    ]);
  });

  it('starts a chunk whose blobs came late before those that were lent after it', async () => {
    const { dispatcher, introduce, chunk, fetchBlobs, started } = setUp([1]);
    await introduce();
    let arrive: (bytes: ArrayBuffer[]) => void = () => {};
    fetchBlobs.mockImplementation(async (ids) =>
      ids.length > 0 ? new Promise<ArrayBuffer[]>((resolve) => (arrive = resolve)) : [],
    );
    await chunk(10);
    await chunk(11, 1, ['b11']);
    await chunk(12);
    await chunk(13);
    dispatcher.done(1, 100);

    arrive([new ArrayBuffer(1)]);
    await vi.advanceTimersByTimeAsync(0);
    dispatcher.done(1, 100);
    dispatcher.done(1, 100);

    expect(started(1)).toEqual([10, 12, 11, 13]);
  });

  it('keeps what waits when a worker dies, and fails only what that worker had', async () => {
    const { dispatcher, introduce, chunk, sent, started, leave } = setUp([1, 2]);
    await introduce();
    for (const lease of [10, 11, 12, 13]) await chunk(lease);

    leave(1);
    expect(sent).toMatchObject([{ type: 'failed', lease: 10 }]);
    dispatcher.done(2, 100);
    dispatcher.done(2, 100);

    expect(sent).toHaveLength(1);
    expect(started(2)).toEqual([11, 12, 13]);
  });

  it('answers the cancel of a waiting chunk at once and leaves the workers alone', async () => {
    const { introduce, chunk, receive, fetchBlobs, sent, kinds, replaced } = setUp([1]);
    await introduce();
    await chunk(10);
    fetchBlobs.mockImplementation(() => new Promise(() => {}));
    await chunk(11, 1, ['never here']);

    await receive({ type: 'cancel', lease: 11 });
    vi.advanceTimersByTime(GRACE_MS);

    expect(sent).toEqual([{ type: 'cancelled', lease: 11 }]);
    expect(kinds(1)).toEqual(['inform', 'compute']);
    expect(replaced).toEqual([]);
  });

  it('reports the lease of a worker that died', async () => {
    const { dispatcher, introduce, chunk, sent } = setUp([1]);
    await introduce();
    await chunk(10);

    dispatcher.left(1, `memory ran out ${'x'.repeat(1000)}`);

    expect(sent).toMatchObject([{ type: 'failed', lease: 10 }]);
    expect(JSON.stringify(sent)).toContain('memory ran out');
    expect(JSON.stringify(sent).length).toBeLessThan(600);
  });

  it('drops a cancelled chunk that is still queued', async () => {
    const { dispatcher, introduce, chunk, receive, kinds, sent } = setUp([1]);
    await introduce();
    await chunk(10);
    await chunk(11);

    await receive({ type: 'cancel', lease: 11 });
    dispatcher.done(1, 100);

    expect(kinds(1)).toEqual(['inform', 'compute']);
    expect(sent).toEqual([{ type: 'cancelled', lease: 11 }]);
  });

  it('asks a worker to stop a cancelled chunk and forwards nothing of it', async () => {
    const { dispatcher, introduce, chunk, receive, result, kinds, forwarded, replaced } = setUp([
      1,
    ]);
    await introduce();
    await chunk(10);

    await receive({ type: 'cancel', lease: 10 });
    dispatcher.result(1, result(10));
    dispatcher.done(1, 100);
    vi.advanceTimersByTime(GRACE_MS);

    expect(kinds(1)).toEqual(['inform', 'compute', 'abandon']);
    expect(forwarded).toEqual([]);
    expect(replaced).toEqual([]);
  });

  it('replaces a worker that does not stop, without reporting the lease', async () => {
    const { introduce, chunk, receive, replaced, sent } = setUp([1]);
    await introduce();
    await chunk(10);

    await receive({ type: 'cancel', lease: 10 });
    expect(sent).toEqual([]);
    vi.advanceTimersByTime(GRACE_MS);

    expect(replaced).toEqual([1]);
    expect(sent).toEqual([{ type: 'cancelled', lease: 10 }]);
  });

  it('answers a cancel for a lease that is over', async () => {
    const { receive, sent } = setUp([1]);

    await receive({ type: 'cancel', lease: 99 });

    expect(sent).toEqual([{ type: 'cancelled', lease: 99 }]);
  });

  it('tells a new connection nothing of what the lost one cancelled', async () => {
    const { dispatcher, introduce, chunk, receive, sent } = setUp([1]);
    await introduce();
    await chunk(10);
    await receive({ type: 'cancel', lease: 10 });

    dispatcher.disconnected();
    dispatcher.done(1, 100);

    expect(sent).toEqual([]);
  });

  it('takes no cancelled chunk for the one of a lost connection with the same number', async () => {
    const { dispatcher, introduce, chunk, receive, kinds, sent } = setUp([1, 2]);
    await introduce();
    await chunk(10);
    dispatcher.disconnected();
    await introduce();
    await chunk(10);

    await receive({ type: 'cancel', lease: 10 });
    expect(kinds(2)).toEqual(['inform', 'compute', 'abandon']);
    dispatcher.done(1, 100);
    dispatcher.done(2, 100);

    expect(sent).toEqual([{ type: 'cancelled', lease: 10 }]);
  });

  it('forgets a map everywhere, with what is queued or computed for it', async () => {
    const { dispatcher, introduce, chunk, receive, kinds } = setUp([1]);
    await introduce();
    await chunk(10);
    await chunk(11);

    await receive({ type: 'forget', map: 1 });
    dispatcher.done(1, 100);

    expect(kinds(1)).toEqual(['inform', 'compute', 'abandon', 'inform']);
    expect(dispatcher.hasMap).toBe(false);
  });

  it('takes nothing along from a lost connection', async () => {
    const { dispatcher, introduce, chunk, result, kinds, forwarded } = setUp([1]);
    await introduce();
    await chunk(10);
    await chunk(11);

    dispatcher.disconnected();
    dispatcher.result(1, result(10));
    dispatcher.done(1, 100);

    expect(forwarded).toEqual([]);
    expect(kinds(1)).toEqual(['inform', 'compute', 'abandon']);
    expect(dispatcher.hasMap).toBe(false);
  });

  it('fetches blobs before a chunk starts, and lets ready chunks go first', async () => {
    const { introduce, chunk, fetchBlobs, told } = setUp([1, 2]);
    await introduce();
    let arrive: (bytes: ArrayBuffer[]) => void = () => {};
    fetchBlobs.mockImplementation(async (ids) =>
      ids.length > 0 ? new Promise<ArrayBuffer[]>((resolve) => (arrive = resolve)) : [],
    );
    await chunk(10, 1, ['b10']);
    await chunk(11);
    expect(told.get(1)?.at(-1)).toMatchObject({ type: 'compute', blobs: [] });
    expect(told.get(2)).toBeUndefined();

    const bytes = new ArrayBuffer(9);
    arrive([bytes]);
    await vi.advanceTimersByTimeAsync(0);

    expect(told.get(2)?.at(-1)).toMatchObject({ type: 'compute', blobs: [bytes] });
  });

  it('hands back a chunk whose blob cannot be had', async () => {
    const { introduce, chunk, fetchBlobs, sent } = setUp([1]);
    await introduce();
    fetchBlobs.mockRejectedValue(new Error('404'));

    await chunk(10, 1, ['gone']);

    expect(sent).toMatchObject([{ type: 'failed', lease: 10, reason: 'Error: 404' }]);
  });

  it('hands back a chunk of a map that it does not know', async () => {
    const { chunk, sent } = setUp([1]);

    await chunk(10, 5);

    expect(sent).toMatchObject([{ type: 'failed', lease: 10 }]);
  });

  it('gives back what is queued and what comes when it closes, and lets the rest finish', async () => {
    const { dispatcher, introduce, chunk, result, sent, forwarded, kinds } = setUp([1]);
    await introduce();
    await chunk(10);
    await chunk(11);

    dispatcher.close();
    await chunk(12);
    expect(dispatcher.isIdle).toBe(false);
    dispatcher.result(1, result(10));
    dispatcher.done(1, 100);

    expect(sent).toEqual([
      { type: 'returned', lease: 11 },
      { type: 'returned', lease: 12 },
    ]);
    expect(forwarded).toHaveLength(1);
    expect(kinds(1)).toEqual(['inform', 'compute']);
    expect(dispatcher.isIdle).toBe(true);
    dispatcher.open();
    await chunk(13);
    expect(kinds(1)).toEqual(['inform', 'compute', 'compute']);
  });

  it('gives back a chunk whose blobs are still on their way, and forgets it', async () => {
    const { dispatcher, introduce, chunk, fetchBlobs, sent, kinds } = setUp([1]);
    await introduce();
    let arrive: (bytes: ArrayBuffer[]) => void = () => {};
    fetchBlobs.mockReturnValue(new Promise((resolve) => (arrive = resolve)));
    await chunk(10, 1, ['b10']);

    dispatcher.close();
    expect(dispatcher.isIdle).toBe(true);
    arrive([new ArrayBuffer(4)]);
    await vi.advanceTimersByTimeAsync(0);

    expect(sent).toEqual([{ type: 'returned', lease: 10 }]);
    expect(kinds(1)).toEqual([]);
  });

  it('gives back what runs when it is interrupted, after what is still answered', async () => {
    const { dispatcher, introduce, chunk, result, sent, forwarded, kinds } = setUp([1]);
    await introduce();
    await chunk(10);

    dispatcher.interrupt();
    dispatcher.result(1, result(10, { count: 2, final: false }));
    dispatcher.done(1, 100);

    expect(kinds(1)).toEqual(['inform', 'compute', 'abandon']);
    expect(forwarded).toHaveLength(1);
    expect(sent).toEqual([{ type: 'returned', lease: 10 }]);
  });

  it('does not give back what was answered meanwhile', async () => {
    const { dispatcher, introduce, chunk, result, sent } = setUp([1]);
    await introduce();
    await chunk(10);

    dispatcher.interrupt();
    dispatcher.result(1, result(10));
    dispatcher.done(1, 100);

    expect(sent).toEqual([]);
  });

  it('ends a worker that goes on after an interruption, and blames nobody', async () => {
    const { dispatcher, introduce, chunk, sent, replaced } = setUp([1]);
    await introduce();
    await chunk(10);

    dispatcher.interrupt();
    vi.advanceTimersByTime(GRACE_MS);

    expect(replaced).toEqual([1]);
    expect(sent).toEqual([{ type: 'returned', lease: 10 }]);
  });

  it('says once that a lease is cancelled which it was about to give back', async () => {
    const { dispatcher, introduce, chunk, receive, sent } = setUp([1]);
    await introduce();
    await chunk(10);

    dispatcher.interrupt();
    await receive({ type: 'cancel', lease: 10 });
    dispatcher.done(1, 100);

    expect(sent).toEqual([{ type: 'cancelled', lease: 10 }]);
  });

  it('gives back the chunk of a worker that ended for no fault', async () => {
    const { dispatcher, introduce, chunk, sent } = setUp([1]);
    await introduce();
    await chunk(10);

    dispatcher.left(1, null);

    expect(sent).toEqual([{ type: 'returned', lease: 10 }]);
  });

  it('counts as computing what the worker says, not the rests between', async () => {
    const { dispatcher, statistics, introduce, chunk } = setUp([1]);
    await introduce();
    await chunk(10);
    vi.advanceTimersByTime(60_000);

    dispatcher.done(1, 1_500);

    expect(statistics.tally()).toMatchObject({ chunks: 1, seconds: 1.5 });
  });
});
