import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { FromCompute, ToFrame } from '../src/messages';
import { Crew, HEAP_LIMIT_BYTES } from '../src/pool/crew';
import { RESTORE_DEADLINE_MS, SNAPSHOT_DEADLINE_MS, STEP_DEADLINE_MS } from '../src/sandbox/steps';
import { fakeChannels, useVirtualTime } from './fakes';

const RECIPE = { version: '0.27.8', runtime: {}, wheels: [], bundle: 'b', snapshot: null };

/** A crew whose frame is a list of messages; `say` speaks as one of its workers. */
function setUp(size = 2) {
  const ports = fakeChannels();
  const frame: ToFrame[] = [];
  const busy = new Set<number>();
  const hooks = {
    onLeft: vi.fn(),
    onResult: vi.fn(),
    onDone: vi.fn((worker: number) => void busy.delete(worker)),
    onReplaced: vi.fn(),
    onFewer: vi.fn(),
    onHalted: vi.fn(),
    onSnapshot: vi.fn(),
    onSnapshotFailed: vi.fn(),
    onChange: vi.fn(),
  };
  const crew = new Crew(
    size,
    (message) => frame.push(message),
    (id) => busy.has(id),
    hooks,
  );
  const say = (worker: number, message: FromCompute) => ports[worker - 1]?.says(message);
  const ids = (type: 'spawn' | 'terminate') =>
    frame.flatMap((message) => (message.type === type ? [message.worker] : []));
  const starts = () =>
    frame.flatMap((message) => (message.type === 'spawn' ? [message.start] : []));
  return { crew, hooks, say, ids, busy, ports, frame, starts };
}

beforeEach(useVirtualTime);
afterEach(() => {
  vi.unstubAllGlobals();
});

describe('the crew', () => {
  it('starts as many workers as wanted, available once they are ready', () => {
    const { crew, say, ids } = setUp(2);
    crew.equip(RECIPE);

    say(2, { type: 'ready' });

    expect(ids('spawn')).toEqual([1, 2]);
    expect(crew.available).toEqual([2]);
  });

  it('replaces a worker that breaks, and tells what happened', () => {
    const { crew, hooks, say, ids } = setUp(1);
    crew.equip(RECIPE);
    say(1, { type: 'ready' });

    say(1, { type: 'broken', details: 'fatal error' });

    expect(ids('terminate')).toEqual([1]);
    expect(ids('spawn')).toEqual([1, 2]);
    expect(hooks.onLeft).toHaveBeenCalledWith(1, 'fatal error');
    expect(hooks.onReplaced).toHaveBeenCalledOnce();
  });

  it('gives up after three starts in a row that failed', () => {
    const { crew, hooks, say, ids } = setUp(1);
    crew.equip(RECIPE);
    for (const worker of [1, 2]) say(worker, { type: 'broken', details: 'no memory' });
    expect(hooks.onHalted).not.toHaveBeenCalled();

    say(3, { type: 'broken', details: 'no memory' });

    expect(hooks.onHalted).toHaveBeenCalledOnce();
    expect(hooks.onHalted.mock.calls[0]?.[0]).toMatchObject({ details: 'no memory' });
    expect(ids('spawn')).toEqual([1, 2, 3]);
    expect(crew.views).toEqual([]);
  });

  it('goes on with those that compute when no more can be started', () => {
    const { crew, hooks, say, ids } = setUp(3);
    crew.equip(RECIPE);
    for (const worker of [1, 2]) say(worker, { type: 'ready' });

    for (const worker of [3, 4, 5]) say(worker, { type: 'broken', details: 'no memory' });

    expect(hooks.onHalted).not.toHaveBeenCalled();
    expect(hooks.onFewer).toHaveBeenCalledOnce();
    expect(crew.available).toEqual([1, 2]);
    expect(crew.size).toBe(2);
    expect(ids('spawn')).toEqual([1, 2, 3, 4, 5]);
    crew.resize(3);
    expect(ids('spawn')).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('ends when those that went on have died as well', () => {
    const { crew, hooks, say } = setUp(2);
    crew.equip(RECIPE);
    say(1, { type: 'ready' });
    for (const worker of [2, 3, 4]) say(worker, { type: 'broken', details: 'no memory' });

    for (const worker of [1, 5, 6, 7]) say(worker, { type: 'broken', details: 'no memory' });

    expect(hooks.onHalted).toHaveBeenCalledOnce();
    expect(crew.views).toEqual([]);
  });

  it('counts failed starts anew after a good one', () => {
    const { crew, hooks, say } = setUp(1);
    crew.equip(RECIPE);
    for (const worker of [1, 2]) say(worker, { type: 'broken', details: 'no memory' });
    say(3, { type: 'ready' });

    for (const worker of [3, 4, 5]) say(worker, { type: 'broken', details: 'no memory' });

    expect(hooks.onHalted).not.toHaveBeenCalled();
  });

  it('gives each step of a start its own deadline', () => {
    const { crew, say, ids } = setUp(1);
    crew.equip(RECIPE);
    vi.advanceTimersByTime(STEP_DEADLINE_MS.sandbox - 1);
    say(1, { type: 'step', name: 'interpreter' });
    vi.advanceTimersByTime(STEP_DEADLINE_MS.interpreter - 1);
    expect(ids('terminate')).toEqual([]);

    vi.advanceTimersByTime(1);

    expect(ids('terminate')).toEqual([1]);
  });

  it('has no deadline for a worker that is ready', () => {
    const { crew, say, ids } = setUp(1);
    crew.equip(RECIPE);
    say(1, { type: 'ready' });

    vi.advanceTimersByTime(3_600_000);

    expect(ids('terminate')).toEqual([]);
  });

  it('starts a worker anew when its memory has grown too large', () => {
    const { crew, hooks, say, ids } = setUp(1);
    crew.equip(RECIPE);
    say(1, { type: 'ready' });

    say(1, { type: 'done', heap: HEAP_LIMIT_BYTES + 1, worked: 5 });

    expect(hooks.onDone).toHaveBeenCalledWith(1, 5);
    expect(hooks.onLeft).toHaveBeenCalledWith(1, null);
    expect(ids('spawn')).toEqual([1, 2]);
    expect(hooks.onReplaced).not.toHaveBeenCalled();
  });

  it('sends idle workers away before busy ones, which end their chunk first', () => {
    const { crew, say, ids, busy } = setUp(3);
    crew.equip(RECIPE);
    for (const worker of [1, 2, 3]) say(worker, { type: 'ready' });
    busy.add(1).add(3);

    crew.resize(1);
    expect(ids('terminate')).toEqual([2]);
    expect(crew.available).toEqual([3]);
    busy.delete(1);
    say(1, { type: 'done', heap: 0, worked: 5 });

    expect(ids('terminate')).toEqual([2, 1]);
    expect(ids('spawn')).toEqual([1, 2, 3]);
  });

  it('keeps a worker that was about to leave when more are wanted again', () => {
    const { crew, say, ids, busy } = setUp(2);
    crew.equip(RECIPE);
    for (const worker of [1, 2]) say(worker, { type: 'ready' });
    busy.add(1).add(2);
    crew.resize(1);

    crew.resize(2);

    expect(crew.available).toEqual([1, 2]);
    expect(ids('spawn')).toEqual([1, 2]);
  });

  it('installs added packages without a restart', () => {
    const { crew, say, ids, ports } = setUp(1);
    crew.equip(RECIPE);
    say(1, { type: 'ready' });
    const packages = [{ bytes: new ArrayBuffer(3), installDir: 'site' as const }];

    crew.install({ ...RECIPE, wheels: [{ id: 'w', installDir: 'site' }] }, packages);

    expect(ports[0]?.posted).toEqual([{ type: 'install', packages }]);
    expect(ids('terminate')).toEqual([]);
  });

  it('has every worker compute for the chosen share of its time, later ones as well', () => {
    const { crew, say, ports } = setUp(1);
    crew.equip(RECIPE);
    say(1, { type: 'ready' });

    crew.setPower(0.25);
    crew.setPower(0.25);
    crew.resize(2);
    say(2, { type: 'ready' });

    const power = { type: 'power', share: 0.25 };
    expect(ports.map(({ posted }) => posted)).toEqual([[power], [power]]);
  });

  it('tells a successor from a newcomer', () => {
    const { crew, say } = setUp(1);
    crew.equip(RECIPE);
    say(1, { type: 'ready' });

    say(1, { type: 'broken', details: 'fatal error' });
    crew.resize(2);

    expect(crew.views.map(({ replaces }) => replaces)).toEqual([true, false]);
  });
});

describe('starts from a snapshot', () => {
  const SNAPPED = { ...RECIPE, snapshot: 'memory' };
  const bytes = new ArrayBuffer(8);
  const work = { type: 'compute', frame: bytes, blobs: [] } as const;

  it('let the others wait for the first one, then start them from its memory', () => {
    const { crew, hooks, say, starts, frame } = setUp(3);
    crew.equip(SNAPPED);
    expect(starts()).toEqual(['making']);
    const listed = crew.views.map(({ id, step }) => [id, step]);

    say(1, { type: 'snapshot', bytes });

    expect(starts()).toEqual(['making', 'restored', 'restored']);
    expect(listed).toEqual([
      [1, 'sandbox'],
      [2, 'turn'],
      [3, 'turn'],
    ]);
    expect(crew.views.map(({ id, step }) => [id, step])).toEqual([
      [1, 'sandbox'],
      [2, 'sandbox'],
      [3, 'sandbox'],
    ]);
    expect(frame).toContainEqual({ type: 'keep', id: 'memory', bytes });
    expect(hooks.onSnapshot).toHaveBeenCalledExactlyOnceWith('memory', bytes);
  });

  it('begin at once where one is stored, and get it when it is read', async () => {
    const { crew, starts, frame } = setUp(2);

    crew.equip(SNAPPED, Promise.resolve(bytes));

    expect(starts()).toEqual(['restored', 'restored']);
    await Promise.resolve();
    expect(frame).toContainEqual({ type: 'keep', id: 'memory', bytes });
  });

  it('make another one when what is stored is damaged, also after packages were added', async () => {
    const { crew, starts, ids } = setUp(1);
    crew.equip(SNAPPED, Promise.resolve(null));
    crew.install({ ...SNAPPED, wheels: [{ id: 'w', installDir: 'site' }] }, []);

    await Promise.resolve();

    expect(ids('terminate')).toEqual([1]);
    expect(starts()).toEqual(['restored', 'making']);
  });

  it('wait for no snapshot that fails, or takes too long', () => {
    for (const fail of ['null', 'late', 'death'] as const) {
      const { crew, hooks, say, starts } = setUp(2);
      crew.equip(SNAPPED);

      if (fail === 'null') say(1, { type: 'snapshot', bytes: null });
      if (fail === 'death') say(1, { type: 'broken', details: 'fatal error' });
      if (fail === 'late') {
        say(1, { type: 'step', name: 'interpreter' });
        vi.advanceTimersByTime(SNAPSHOT_DEADLINE_MS);
      }

      expect(starts().slice(0, 2)).toEqual(['making', 'cold']);
      expect(hooks.onSnapshotFailed).toHaveBeenCalledTimes(fail === 'late' ? 0 : 1);
    }
  });

  it('do not count a slow download as a slow interpreter', () => {
    const { crew, say, starts } = setUp(2);
    crew.equip(SNAPPED);
    say(1, { type: 'step', name: 'files' });

    vi.advanceTimersByTime(10 * SNAPSHOT_DEADLINE_MS);

    expect(starts()).toEqual(['making']);
  });

  it('take no snapshot once a function was sent, from anybody', () => {
    const { crew, hooks, say, starts } = setUp(2);
    crew.equip(SNAPPED);
    say(1, { type: 'step', name: 'interpreter' });
    vi.advanceTimersByTime(SNAPSHOT_DEADLINE_MS);
    say(2, { type: 'ready' });
    crew.tell(2, work);

    for (const worker of [1, 2]) say(worker, { type: 'snapshot', bytes });
    crew.equip({ ...SNAPPED, bundle: 'other', snapshot: 'other' });

    expect(hooks.onSnapshot).not.toHaveBeenCalled();
    expect(starts()).toEqual(['making', 'cold', 'cold', 'cold']);
  });

  it('go on from one that was made before the first function', () => {
    const { crew, say, starts } = setUp(1);
    crew.equip(SNAPPED);
    say(1, { type: 'snapshot', bytes });
    say(1, { type: 'ready' });
    crew.tell(1, work);

    say(1, { type: 'broken', details: 'fatal error' });

    expect(starts()).toEqual(['making', 'restored']);
  });

  it.each(['broken', 'silent'])('fall back to files when one is %s, for good', (how) => {
    const { crew, hooks, say, starts, ids } = setUp(2);
    crew.equip(SNAPPED, Promise.resolve(bytes));
    say(1, { type: 'step', name: 'interpreter' });

    if (how === 'broken') say(1, { type: 'broken', details: 'no such memory' });
    else vi.advanceTimersByTime(RESTORE_DEADLINE_MS);

    expect(ids('terminate')).toEqual([1, 2]);
    expect(starts()).toEqual(['restored', 'restored', 'cold', 'cold']);
    expect(hooks.onSnapshotFailed).toHaveBeenCalledOnce();
    expect(hooks.onReplaced).not.toHaveBeenCalled();
  });
});
