import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { FromCompute, ToFrame } from '../src/messages';
import { Crew, HEAP_LIMIT_BYTES } from '../src/pool/crew';
import { STEP_DEADLINE_MS } from '../src/sandbox/steps';
import { useVirtualTime } from './fakes';

const RECIPE = { version: '0.27.8', runtime: {}, wheels: [], bundle: 'b', snapshot: null };

class FakePort {
  onmessage: ((event: MessageEvent) => void) | null = null;
  readonly posted: unknown[] = [];
  postMessage(message: unknown): void {
    this.posted.push(message);
  }
  close(): void {}
}

/** A crew whose frame is a list of messages; `say` speaks as one of its workers. */
function setUp(size = 2) {
  const ports: FakePort[] = [];
  vi.stubGlobal(
    'MessageChannel',
    class {
      port1 = new FakePort();
      port2 = new FakePort();
      constructor() {
        ports.push(this.port1);
      }
    },
  );
  const frame: ToFrame[] = [];
  const busy = new Set<number>();
  const hooks = {
    onLeft: vi.fn(),
    onResult: vi.fn(),
    onDone: vi.fn((worker: number) => void busy.delete(worker)),
    onReplaced: vi.fn(),
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
  const say = (worker: number, message: FromCompute) =>
    ports[worker - 1]?.onmessage?.(new MessageEvent('message', { data: message }));
  const ids = (type: 'spawn' | 'terminate') =>
    frame.flatMap((message) => (message.type === type ? [message.worker] : []));
  return { crew, hooks, say, ids, busy, ports };
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

    say(1, { type: 'done', heap: HEAP_LIMIT_BYTES + 1 });

    expect(hooks.onDone).toHaveBeenCalledWith(1);
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
    say(1, { type: 'done', heap: 0 });

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
});
