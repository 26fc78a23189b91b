import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Entry, Shelf } from '../src/assets/shelf';
import { Snapshots } from '../src/assets/snapshots';
import { CHECK_MS } from '../src/link/connection';
import { decodeFrame } from '../src/link/frames';
import { Device } from '../src/pool/device';
import { GRACE_MS } from '../src/pool/dispatcher';
import { type Settings, USUAL_SETTINGS } from '../src/pool/settings';
import type { Activity, Snapshot } from '../src/pool/snapshot';
import { strings } from '../src/strings';
import { FakePort, FakeSocket, fakeChannels, fakeFetch, frameOf, useVirtualTime } from './fakes';

const NO_SHELF: Shelf = {
  has: async () => false,
  get: async (): Promise<Entry | null> => null,
  replaceAll: async () => {},
  clear: async () => {},
};

function file(body: string) {
  const sha256 = createHash('sha256').update(body).digest('hex');
  return { name: body, url: `/f/${body}`, size: body.length, transfer: body.length, sha256 };
}

const ENVIRONMENT = JSON.stringify({
  ...{ title: 'primes.py', python: '3.11', wheels: [], bundle: file('tools') },
  runtime: { version: '0.25.1', files: [file('python')] },
});
const HASH = createHash('sha256').update(ENVIRONMENT).digest('hex');
const PROGRESS = { done: 3, total: 9, rate: 1, remaining: null };
const JOB = JSON.stringify({
  ...{ title: 'primes.py', description: 'For my thesis.', devices: 2, progress: PROGRESS },
  functions: [{ map: 1, name: 'is_prime', source: null }],
});

/** A device whose network, frame and workers are held in hand. */
function setUp() {
  const sockets: FakeSocket[] = [];
  const workers = fakeChannels();
  const reports: Snapshot[] = [];
  const { fetch, asked } = fakeFetch({
    '/api/environment': { body: ENVIRONMENT },
    '/api/job': { body: JOB },
    '/f/python': { body: 'python' },
    '/f/tools': { body: 'tools' },
  });
  const device = new Device('t'.repeat(22), {
    fetch,
    dial: () => {
      const socket = new FakeSocket();
      sockets.push(socket);
      return socket;
    },
    random: () => 1,
    computeSource: '',
    snapshots: new Snapshots(NO_SHELF),
    report: (snapshot) => reports.push(snapshot),
  });
  const socket = () => {
    const last = sockets.at(-1);
    if (!last) throw new Error('nothing was dialled');
    return last;
  };
  const said = (from: FakeSocket) =>
    from.sent.map((frame) => decodeFrame(frame).header as Record<string, unknown>);
  const hear = (header: object) => socket().receives(frameOf(header));
  return {
    ...{ device, sockets, workers, reports, socket, hear },
    /** What was sent of this kind on the latest connection. */
    sent: (type: string) => said(socket()).filter((header) => header['type'] === type),
    jobs: () => asked.filter(({ path }) => path === '/api/job').length,
    states: () => reports.map(({ activity }) => activity.state),
    activity: (): Activity => {
      const last = reports.at(-1);
      if (!last) throw new Error('nothing was reported');
      return last.activity;
    },
    welcome: () => {
      socket().opens();
      hear({ type: 'welcome', protocol: 5, worker: 7, environment: HASH });
    },
    map: (map: number) => hear({ type: 'map', map, blobs: [] }),
    chunk: (lease: number) =>
      hear({ type: 'chunk', lease, map: 1, skip: 0, stop: 4, blobs: [], piecewise: false }),
  };
}

/** The same device, computing with two workers on a map's first chunk. */
async function compute() {
  const all = setUp();
  await begin(all);
  all.map(1);
  all.chunk(10);
  await time(0);
  return all;
}

async function begin({ device, workers, welcome }: ReturnType<typeof setUp>) {
  const frame = new FakePort();
  const first = workers.length;
  void device.look();
  await time(500);
  device.choose(USUAL_SETTINGS, 2);
  device.start(frame as unknown as MessagePort);
  welcome();
  frame.says({ type: 'ready' });
  await time(500);
  for (const worker of workers.slice(first)) worker.says({ type: 'ready' });
  await time(0);
  return frame;
}

/** Lets virtual time pass, with turns of the real event loop for answers to be read. */
async function time(milliseconds: number): Promise<void> {
  for (let turn = 0; turn < 10; turn++) {
    await vi.advanceTimersByTimeAsync(milliseconds / 10);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const RESULT = frameOf({
  ...{
    type: 'result',
    lease: 10,
    offset: 0,
    count: 4,
    raised: 0,
    final: true,
    seconds: 0,
    slowest: [],
  },
});
const DONE = { type: 'done', heap: 0, worked: 100 } as const;

beforeEach(() => {
  useVirtualTime();
  // Hashing on a real thread would end at any time.
  vi.stubGlobal('crypto', {});
});
afterEach(() => {
  vi.clearAllTimers();
  vi.unstubAllGlobals();
});

describe('before Start', () => {
  it('the device knows what is asked, and how the job stands', async () => {
    const { device, reports } = setUp();

    void device.look();
    await time(500);

    expect(reports.at(-1)).toMatchObject({
      lookup: { state: 'known', ask: { title: 'primes.py', description: 'For my thesis.' } },
      standing: { devices: 2, done: 3, total: 9, rate: 1 },
      activity: { state: 'stopped', tally: null },
    });
  });

  it('the job is asked for every 15 s, while the tab is seen', async () => {
    const { device, jobs } = setUp();
    void device.look();
    await time(31_000);
    expect(jobs()).toBe(2);

    device.observe({ hidden: true });
    await time(60_000);
    expect(jobs()).toBe(2);
    device.observe({ hidden: false });
    await time(2_000);

    expect(jobs()).toBe(3);
  });

  it('reports go on when the clock is set back', async () => {
    const { device, reports } = setUp();
    void device.look();
    await time(500);
    const before = reports.length;

    vi.setSystemTime(Date.now() - 3_600_000);
    await time(2_000);

    expect(reports.length).toBeGreaterThan(before);
  });
});

describe('a session', () => {
  it('announces its workers once they are ready', async () => {
    const { sent } = await compute();

    expect(sent('capacity').at(-1)).toEqual({ type: 'capacity', capacity: 2, environment: HASH });
  });

  it('pauses by a rule: less is announced first, then what runs is given back', async () => {
    const { device, workers, socket, activity } = await compute();
    const rules: Settings = { ...USUAL_SETTINGS, battery: 'pause' };

    device.observe({ hidden: false, onBattery: true });
    device.choose(rules, 2);
    workers[0]?.says(DONE);
    await time(1_000);

    const last = socket().sent.map((frame) => decodeFrame(frame).header);
    expect(last.slice(-2)).toMatchObject([
      { type: 'capacity', capacity: 0 },
      { type: 'returned', lease: 10 },
    ]);
    expect(activity()).toMatchObject({ mode: { state: 'paused', pause: { reason: 'battery' } } });
  });

  it('goes on by itself at the minute that was chosen', async () => {
    vi.setSystemTime(new Date(2026, 0, 5, 21, 58, 30));
    const { device, sent, activity } = await compute();
    device.choose({ ...USUAL_SETTINGS, hours: { from: 22 * 60, to: 7 * 60 } }, 2);
    await time(GRACE_MS + 1_000);
    expect(activity()).toMatchObject({ mode: { state: 'paused' } });
    expect(sent('capacity').at(-1)).toMatchObject({ capacity: 0 });

    vi.setSystemTime(new Date(2026, 0, 5, 22, 0, 0));
    await time(2_000);

    expect(activity()).toMatchObject({ mode: { state: 'computing' } });
    expect(sent('capacity').at(-1)?.['capacity']).toBeGreaterThan(0);
  });

  it('sends idle workers away first when fewer are wanted, and gives nothing back', async () => {
    const { device, workers, sent, activity } = await compute();

    device.choose(USUAL_SETTINGS, 1);
    await time(500);
    expect(sent('capacity').at(-1)).toMatchObject({ capacity: 1 });
    device.choose(USUAL_SETTINGS, 2);
    await time(500);
    workers[0]?.says(DONE);

    expect(sent('returned')).toEqual([]);
    expect(activity()).toMatchObject({ wanted: 2 });
  });

  it('has its workers ready when a pause ends during which packages came', async () => {
    const { device, workers, hear, sent } = await compute();
    device.wish('pause');
    workers[0]?.says(DONE);

    hear({ type: 'environment', environment: 'another' });
    await time(500);
    hear({ type: 'environment', environment: HASH });
    await time(500);
    expect(sent('capacity').at(-1)).toMatchObject({ capacity: 0 });
    device.wish('compute');

    expect(sent('capacity').at(-1)).toMatchObject({ capacity: 2, environment: HASH });
  });

  it('ends when what it had begun is finished, once and with its tally', async () => {
    const { device, workers, socket, sent, states, activity } = await compute();

    device.wish('finish');
    await time(3_000);
    expect(activity()).toMatchObject({ state: 'running', mode: { state: 'finishing' } });
    workers[0]?.says({ type: 'result', frame: RESULT, raised: null });
    workers[0]?.says(DONE);
    await time(1_000);
    device.stop();
    await time(1_000);

    expect(sent('result')).toHaveLength(1);
    expect(sent('returned')).toEqual([]);
    expect(socket().closed).toBe(true);
    expect(activity()).toMatchObject({ state: 'stopped', tally: { items: 4, chunks: 1 } });
    const ends = states().filter((state, at) => state === 'stopped' && states()[at - 1] !== state);
    expect(ends).toHaveLength(2);
  });

  it('finishes at once when nothing runs, and when the connection is away', async () => {
    const idle = setUp();
    await begin(idle);
    idle.device.wish('finish');
    await time(500);
    expect(idle.activity().state).toBe('stopped');

    const away = await compute();
    away.socket().closes(1006);
    away.device.wish('finish');
    await time(GRACE_MS + 500);

    expect(away.activity().state).toBe('stopped');
  });

  it('shows what failed while it was finishing', async () => {
    const { device, socket, activity } = await compute();
    device.wish('finish');

    socket().closes(4001);
    await time(500);

    expect(activity().state).toBe('failed');
  });

  it('gives back when it is stopped, after it has announced that it takes nothing', async () => {
    const { device, socket } = await compute();

    device.stop();

    const last = socket().sent.map((frame) => decodeFrame(frame).header);
    expect(last.slice(-2)).toMatchObject([
      { type: 'capacity', capacity: 0 },
      { type: 'returned', lease: 10 },
    ]);
  });

  it('that has finished says nothing into the next one', async () => {
    const all = await compute();
    all.device.wish('finish');
    all.workers[0]?.says(DONE);
    await time(500);

    const frame = await begin(all);
    all.workers[0]?.says(DONE);
    await time(500);

    expect(frame.closed).toBe(false);
    expect(all.reports.at(-1)).toMatchObject({ starts: 2, activity: { state: 'running' } });
    expect(all.sent('capacity').at(-1)).toMatchObject({ capacity: 2 });
  });

  it('asks for the job when maps begin, once for many', async () => {
    const { jobs, map } = await compute();
    await time(2_000);
    const before = jobs();

    for (const id of [2, 3, 4]) map(id);
    await time(2_000);

    expect(jobs()).toBe(before + 1);
  });

  it('checks its connection after a sleep', async () => {
    const { sockets, sent } = await compute();

    vi.setSystemTime(Date.now() + 3_600_000);
    await time(1_000);
    expect(sent('ping')).toHaveLength(2); // the first one measured the round trip
    await time(CHECK_MS + 500);

    expect(sockets).toHaveLength(2);
  });

  it('says that it has rejoined only where it had joined', async () => {
    const { device, socket, welcome, activity } = setUp();
    void device.look();
    await time(500);
    device.start(new FakePort() as unknown as MessagePort);
    socket().closes(1006);
    await time(600);
    welcome();
    await time(500);
    expect(activity()).toMatchObject({ rejoined: null });

    socket().closes(1006);
    await time(600);
    welcome();
    await time(500);

    expect(activity()).toMatchObject({ rejoined: 1 });
  });

  it('knows a map that was over before anybody looked', async () => {
    const all = setUp();
    await begin(all);

    all.map(1);
    all.hear({ type: 'forget', map: 1 });
    await time(1_000);

    expect(all.activity()).toMatchObject({ work: 'over' });
  });

  it('goes on with fewer workers, and gives up with the reason when none starts', async () => {
    const { workers, socket, activity } = await compute();
    const fail = async (attempts: number[]) => {
      for (const attempt of attempts) {
        workers[attempt]?.says({ type: 'broken', details: 'no memory' });
        await time(0);
      }
      await time(500);
    };

    await fail([1, 2, 3, 4]);
    const fewer = { message: strings.failures.fewer, details: 'no memory' };
    expect(activity()).toMatchObject({ state: 'running', incident: fewer });
    await fail([0, 5, 6, 7]);

    expect(activity()).toMatchObject({ state: 'failed', failure: { details: 'no memory' } });
    const last = socket().sent.map((frame) => decodeFrame(frame).header);
    expect(last).toContainEqual({ type: 'failed', lease: 10, reason: 'no memory' });
    expect(last.at(-1)).toMatchObject({ type: 'capacity', capacity: 0 });
  });
});
