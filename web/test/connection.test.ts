import { beforeEach, describe, expect, it, test, vi } from 'vitest';
import {
  backoff,
  CHECK_MS,
  type Connection,
  CoordinatorLink,
  QUIET_MS,
} from '../src/link/connection';
import { decodeFrame } from '../src/link/frames';
import { strings } from '../src/strings';
import { FakeSocket, frameOf } from './fakes';

const WELCOME = { type: 'welcome', protocol: 5, worker: 7, environment: 'e1' };

function setUp(name?: string) {
  const sockets: FakeSocket[] = [];
  const states: Connection[] = [];
  const heard: unknown[] = [];
  const traffic = { received: 0, sent: 0 };
  const link = new CoordinatorLink('t'.repeat(22), {
    dial: () => {
      const socket = new FakeSocket();
      sockets.push(socket);
      return socket;
    },
    random: () => 1,
    name,
    onState: (state) => states.push(state),
    onFrame: (message) => heard.push(message),
    onReceived: (bytes) => (traffic.received += bytes),
    onSent: (bytes) => (traffic.sent += bytes),
  });
  const last = () => {
    const socket = sockets.at(-1);
    if (!socket) throw new Error('nothing was dialled');
    return socket;
  };
  const welcome = () => {
    last().opens();
    last().receives(frameOf(WELCOME));
  };
  return { link, sockets, states, heard, traffic, last, welcome };
}

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 });
});

describe('backoff', () => {
  test.each([
    [1, 500],
    [2, 1_000],
    [3, 2_000],
    [7, 30_000],
    [99, 30_000],
  ])('the wait before attempt %i is at most %i ms', (attempt, longest) => {
    expect(backoff(attempt, 1)).toBe(longest);
    expect(backoff(attempt, 0)).toBe(longest / 2);
  });
});

describe('a connection', () => {
  it('says hello with the token and no capacity as soon as it is open', () => {
    const { link, last } = setUp();
    link.open();

    last().opens();

    const token = 't'.repeat(22);
    const hello = { type: 'hello', protocol: 5, token, kind: 'browser', capacity: 0 };
    expect(last().sent.map((frame) => decodeFrame(frame).header)).toEqual([hello]);
  });

  it('says who it is, for the owner to read', () => {
    const { link, last } = setUp('Firefox 153, Android');
    link.open();

    last().opens();

    const { header } = decodeFrame(last().sent[0] ?? new ArrayBuffer(0));
    expect(header).toMatchObject({ name: 'Firefox 153, Android' });
  });

  it('measures the round trip at once and reports it with the next ping', () => {
    const { link, last, welcome } = setUp();
    link.open();
    welcome();
    const pings = () =>
      last()
        .sent.slice(1)
        .map((frame) => decodeFrame(frame).header);

    vi.advanceTimersByTime(42);
    last().receives(frameOf({ type: 'pong' }));
    vi.advanceTimersByTime(958);

    expect(pings()).toEqual([{ type: 'ping' }, { type: 'ping', round_trip: 0.042 }]);
  });

  it('does not ask again while an answer is due', () => {
    const { link, last, welcome } = setUp();
    link.open();
    welcome();

    vi.advanceTimersByTime(5_000);

    expect(last().sent).toHaveLength(2);
  });

  it('is open when it is welcome, and passes on what follows', () => {
    const { link, states, heard, last, welcome } = setUp();
    link.open();
    welcome();

    last().receives(frameOf({ type: 'cancel', lease: 3 }));

    expect(states.map(({ state }) => state)).toEqual(['connecting', 'open']);
    expect(heard.at(-1)).toEqual({ type: 'cancel', lease: 3 });
  });

  it('keeps the newest environment in its state', () => {
    const { link, last, welcome } = setUp();
    link.open();
    welcome();

    last().receives(frameOf({ type: 'environment', environment: 'e2' }));

    expect(link.state).toEqual({ state: 'open', worker: 7, environment: 'e2' });
  });

  it('comes back after longer and longer waits, and starts over once welcome', () => {
    const { link, sockets, last, welcome } = setUp();
    link.open();
    for (const wait of [500, 1_000, 2_000]) {
      last().closes(1006);
      expect(link.state).toMatchObject({ state: 'waiting', until: Date.now() + wait });
      const before = sockets.length;
      vi.advanceTimersByTime(wait - 1);
      expect(sockets).toHaveLength(before);
      vi.advanceTimersByTime(1);
      expect(sockets).toHaveLength(before + 1);
    }

    welcome();
    last().closes(1006);

    expect(link.state).toMatchObject({ state: 'waiting', until: Date.now() + 500 });
  });

  it('asks for a sign of life after 15 s of silence and gives up after 30 s', () => {
    const { link, last, welcome } = setUp();
    link.open();
    welcome();
    const socket = last();

    vi.advanceTimersByTime(QUIET_MS);
    expect(decodeFrame(socket.sent.at(-1) ?? new ArrayBuffer(0)).header).toEqual({ type: 'ping' });
    socket.receives(frameOf({ type: 'pong' }));
    vi.advanceTimersByTime(2 * QUIET_MS - 1);
    expect(link.state.state).toBe('open');
    vi.advanceTimersByTime(1);

    expect(link.state.state).toBe('waiting');
    expect(socket.closed).toBe(true);
  });

  it('waits as long as a large result leaves, however slow the line is', () => {
    const { link, last, welcome } = setUp();
    link.open();
    welcome();
    const socket = last();
    socket.bufferedAmount = 50e6;

    for (let seconds = 0; seconds < 300; seconds++) {
      vi.advanceTimersByTime(1_000);
      socket.bufferedAmount -= 100e3;
    }
    expect(link.state.state).toBe('open');
    vi.advanceTimersByTime(2 * QUIET_MS);

    expect(link.state.state).toBe('waiting');
  });

  it.each([1_000, 2 * QUIET_MS - 1])(
    'says that it lives while a large frame comes, %i ms from one part to the next',
    (pace) => {
      const { link, heard, last, welcome } = setUp();
      link.open();
      welcome();
      const shape = { skip: 0, stop: 1, blobs: [], piecewise: false };
      const chunk = { type: 'chunk', lease: 1, map: 1, ...shape };
      const frame = new Uint8Array(frameOf(chunk, new Uint8Array(300)));
      const before = last().sent.length;
      const began = Date.now();

      for (let place = 0; place < frame.length; place++) {
        vi.advanceTimersByTime(pace);
        const part = { type: 'part', last: place + 1 === frame.length };
        last().receives(frameOf(part, frame.slice(place, place + 1)));
      }

      expect(link.state.state).toBe('open');
      expect(heard.at(-1)).toEqual(chunk);
      expect(heard).toHaveLength(2);
      const asked = last().sent.length - before;
      expect(asked).toBeGreaterThanOrEqual(Math.floor((Date.now() - began) / QUIET_MS) - 1);
      vi.advanceTimersByTime(2 * QUIET_MS);
      expect(link.state.state).toBe('waiting');
    },
  );

  it('gives up a socket that neither opens nor fails', () => {
    const { link } = setUp();
    link.open();

    vi.advanceTimersByTime(30_000);

    expect(link.state.state).toBe('waiting');
  });

  test.each(['token', 'role', 'protocol', 'malformed'])('%s is a refusal for good', (code) => {
    const { link, sockets, last } = setUp();
    link.open();
    last().opens();

    last().receives(frameOf({ type: 'refused', code, message: 'No.' }));
    vi.advanceTimersByTime(120_000);

    expect(link.state).toEqual({ state: 'refused', code, message: 'No.' });
    expect(sockets).toHaveLength(1);
  });

  test.each([
    [4001, 'results', 'could not read what this device sent'],
    [4002, 'dismissed', 'failed on this device again and again'],
  ])('a page that was sent away with %i does not come back', (closeCode, code, happened) => {
    const { link, sockets, last, welcome } = setUp();
    link.open();
    welcome();

    last().closes(closeCode);
    vi.advanceTimersByTime(120_000);

    expect(link.state).toMatchObject({ state: 'refused', code });
    expect(strings.refusals[code]).toContain(happened);
    expect(strings.refusals[code]).toMatch(/reload the page to try again/i);
    expect(sockets).toHaveLength(1);
  });

  it('is told when the owner has sent it away, which is nobody’s fault', () => {
    const { link, sockets, last, welcome } = setUp();
    link.open();
    welcome();

    last().closes(4002, 'owner');
    vi.advanceTimersByTime(120_000);

    expect(link.state).toMatchObject({ state: 'refused', code: 'owner' });
    expect(strings.refusals['owner']).toContain('The owner of the work has ended');
    expect(sockets).toHaveLength(1);
  });

  test.each([
    ['late', 'lost'],
    ['full', 'full'],
  ])('%s is a refusal that passes', (code, reason) => {
    const { link, sockets, last } = setUp();
    link.open();

    last().receives(frameOf({ type: 'refused', code, message: 'Not now.' }));

    expect(link.state).toMatchObject({ state: 'waiting', reason });
    vi.advanceTimersByTime(500);
    expect(sockets).toHaveLength(2);
    last().closes(1006);
    expect(link.state).toMatchObject({ state: 'waiting', reason: 'lost' });
  });

  it('keeps asking, slowly, when another execution took the place of its own', () => {
    const { link, sockets, last, welcome } = setUp();
    link.open();
    welcome();
    last().closes(1006);
    vi.advanceTimersByTime(500);

    last().receives(frameOf({ type: 'refused', code: 'token', message: 'No.' }));

    expect(link.state).toMatchObject({ state: 'ended', until: Date.now() + 30_000 });
    vi.advanceTimersByTime(30_000);
    expect(sockets).toHaveLength(3);
  });

  it('tells an end from a loss, and comes back after both', () => {
    const { link, sockets, last, welcome } = setUp();
    link.open();
    welcome();

    last().closes(1001);

    expect(link.state.state).toBe('ended');
    vi.advanceTimersByTime(500);
    expect(sockets).toHaveLength(2);
  });

  it('stays ended while nobody answers after a goodbye, and says so while it tries', () => {
    const { link, last, welcome } = setUp();
    link.open();
    welcome();
    last().closes(1001);
    vi.advanceTimersByTime(500);
    expect(link.state).toMatchObject({ state: 'connecting', after: 'ended' });

    last().closes(1006);
    expect(link.state.state).toBe('ended');
    vi.advanceTimersByTime(1_000);
    welcome();
    last().closes(1006);

    expect(link.state).toMatchObject({ state: 'waiting', reason: 'lost' });
  });

  it('sends nothing of the past on a new connection', () => {
    const { link, last, welcome } = setUp();
    link.open();
    welcome();
    last().closes(1006);
    vi.advanceTimersByTime(500);

    link.forward(new ArrayBuffer(8));
    last().opens();

    expect(last().sent).toHaveLength(1);
  });

  it('ignores messages that a newer coordinator may know', () => {
    const { link, last, welcome } = setUp();
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
    link.open();
    welcome();

    last().receives(frameOf({ type: 'gossip' }));

    expect(link.state.state).toBe('open');
    expect(warn).toHaveBeenCalledOnce();
  });

  it('stays closed', () => {
    const { link, sockets, welcome } = setUp();
    link.open();
    welcome();

    link.close();
    vi.advanceTimersByTime(120_000);

    expect(link.state.state).toBe('idle');
    expect(sockets).toHaveLength(1);
  });

  it('finds out soon after a sleep that it is dead', () => {
    const { link, sockets, welcome } = setUp();
    link.open();
    welcome();

    link.check();
    vi.advanceTimersByTime(CHECK_MS);

    expect(link.state).toMatchObject({ state: 'waiting', attempt: 1 });
    vi.advanceTimersByTime(500);
    expect(sockets).toHaveLength(2);
  });

  it('gives an answer time to be read that came while the device slept', () => {
    const { link, welcome } = setUp();
    link.open();
    welcome();
    vi.advanceTimersByTime(QUIET_MS);

    vi.setSystemTime(Date.now() + 60_000);
    vi.advanceTimersByTime(QUIET_MS);
    expect(link.state.state).toBe('open');
    vi.advanceTimersByTime(QUIET_MS);

    expect(link.state.state).toBe('waiting');
  });

  it('stays when it lives after a sleep', () => {
    const { link, last, welcome } = setUp();
    link.open();
    welcome();

    link.check();
    last().receives(frameOf({ type: 'pong' }));
    vi.advanceTimersByTime(CHECK_MS);

    expect(link.state.state).toBe('open');
  });

  it('does not hang up on a large frame that keeps the answer waiting', () => {
    const { link, last, welcome } = setUp();
    link.open();
    welcome();
    const chunk = {
      type: 'chunk',
      lease: 1,
      map: 1,
      skip: 0,
      stop: 1,
      blobs: [],
      piecewise: false,
    };
    last().receives(frameOf(chunk, new Uint8Array(2e6)));

    link.check();
    vi.advanceTimersByTime(QUIET_MS - 1);
    expect(link.state.state).toBe('open');
    vi.advanceTimersByTime(1);

    expect(link.state.state).toBe('waiting');
  });

  it('waits no longer when it is checked while it is away', () => {
    const { link, sockets, last, welcome } = setUp();
    link.open();
    welcome();
    last().closes(1006);

    link.check();

    expect(sockets).toHaveLength(2);
  });

  it('tells the bytes of every frame', () => {
    const { link, traffic, last, welcome } = setUp();
    link.open();
    welcome();
    const before = { ...traffic };

    link.send({ type: 'ping' });
    last().receives(frameOf({ type: 'pong' }));

    expect(traffic.sent - before.sent).toBe(last().sent.at(-1)?.byteLength);
    expect(traffic.received - before.received).toBe(frameOf({ type: 'pong' }).byteLength);
  });
});
