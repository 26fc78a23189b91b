// The one WebSocket of this device: it says hello, listens for signs of life, and comes back after
// a loss with growing, jittered waits. It runs in the I/O worker, whose timers a hidden tab does
// not stop. What the frames mean beyond hello and goodbye is its owner's business.
import {
  decodeFrame,
  encodeFrame,
  FrameError,
  type FromCoordinator,
  type FromWorker,
  fromCoordinator,
  PROTOCOL_VERSION,
} from './frames';

export type Connection =
  | { readonly state: 'idle' }
  | {
      readonly state: 'connecting';
      readonly attempt: number;
      /** How the connection went away that is tried anew, if there was one. */
      readonly after?: 'waiting' | 'ended';
    }
  | { readonly state: 'open'; readonly worker: number; readonly environment: string }
  | {
      readonly state: 'waiting';
      readonly until: number;
      readonly attempt: number;
      /** The coordinator answered, but has no place, or the connection broke. */
      readonly reason?: 'full' | 'lost';
    }
  /** The coordinator said goodbye and has not answered since; its link may come back. */
  | { readonly state: 'ended'; readonly until: number; readonly attempt: number }
  | { readonly state: 'refused'; readonly code: string; readonly message: string };

/** What is used of a WebSocket. */
export interface Socket {
  binaryType: BinaryType;
  /** Bytes that were sent and have not left yet. */
  readonly bufferedAmount: number;
  onopen: ((event: Event) => void) | null;
  onmessage: ((event: MessageEvent) => void) | null;
  onclose: ((event: CloseEvent) => void) | null;
  send(frame: ArrayBuffer): void;
  close(): void;
}

export interface ConnectionPorts {
  /** What the owner reads of this device. */
  readonly name?: string | undefined;
  readonly dial: () => Socket;
  readonly random: () => number;
  readonly onState: (state: Connection) => void;
  readonly onFrame: (message: FromCoordinator, frame: ArrayBuffer) => void;
  /** Bytes that came, or left. */
  readonly onReceived: (bytes: number) => void;
  readonly onSent: (bytes: number) => void;
}

export const QUIET_MS = 15_000;
/** A living connection answers a ping in far less, unless a large frame is on its way. */
export const CHECK_MS = 5_000;
/** From one measurement of the round trip to the next, and from the first one to its report. */
const MEASURE_MS = 15_000;
const FIRST_MEASURE_MS = 1_000;
/** Frames of this size take seconds on a slow line; where one came, the next ones are like it. */
const LARGE_BYTES = 1e6;
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 30_000;
/** From here on every wait is the longest one. */
const SLOW_ATTEMPT = 6;
/** A socket that neither opens nor fails, as behind a captive portal. */
const WELCOME_MS = 30_000;
const GOING_AWAY = 1001;
/** Refusals that pass by themselves. */
const PASSING = new Set(['late', 'full']);
/** The refusals that come as close codes, long after the hello. */
const DISMISSALS: ReadonlyMap<number, string> = new Map([
  [4001, 'results'],
  [4002, 'dismissed'],
]);
/** The reason beside 4002 when nothing is wrong with the device. */
const BY_OWNER = 'owner';

/** Milliseconds before the given attempt: doubled each time up to 30 s, times 0.5 to 1. */
export function backoff(attempt: number, random: number): number {
  const wait = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (attempt - 1));
  return wait * (0.5 + random / 2);
}

export class CoordinatorLink {
  #state: Connection = { state: 'idle' };
  #socket: Socket | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #measuring: ReturnType<typeof setTimeout> | undefined;
  /** When the ping was sent that has no answer yet. */
  #asked: number | undefined;
  /** Seconds. */
  #roundTrip: number | undefined;
  #attempt = 0;
  #wasWelcome = false;
  #isLarge = false;
  /** What has come of a frame that comes in parts. */
  #parts: Uint8Array<ArrayBuffer>[] = [];
  readonly #token: string;
  readonly #ports: ConnectionPorts;

  constructor(token: string, ports: ConnectionPorts) {
    this.#token = token;
    this.#ports = ports;
  }

  get state(): Connection {
    return this.#state;
  }

  open(): void {
    if (this.#state.state === 'idle' || this.#state.state === 'refused') this.#dial();
  }

  /** Does not wait any longer, for example because the network is back. */
  retry(): void {
    if (this.#state.state === 'waiting' || this.#state.state === 'ended') this.#dial();
  }

  /** Finds out soon whether the connection lives: the device has slept, or changed its network. */
  check(): void {
    if (this.#state.state !== 'open') return this.retry();
    this.#ping(this.#isLarge ? QUIET_MS : CHECK_MS);
  }

  close(): void {
    this.#hangUp();
    this.#attempt = 0;
    this.#become({ state: 'idle' });
  }

  /** Sends when welcome, else drops it: what belongs to a lost connection must not cross over. */
  send(message: FromWorker): void {
    this.forward(encodeFrame(message));
  }

  forward(frame: ArrayBuffer): void {
    if (this.#state.state !== 'open') return;
    this.#socket?.send(frame);
    this.#ports.onSent(frame.byteLength);
  }

  #dial(): void {
    this.#hangUp();
    const { state: after } = this.#state;
    const isAway = after === 'waiting' || after === 'ended';
    this.#become({ state: 'connecting', attempt: this.#attempt, ...(isAway && { after }) });
    const socket = this.#ports.dial();
    this.#socket = socket;
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => {
      const hello = { type: 'hello', kind: 'browser', capacity: 0 } as const;
      const { name } = this.#ports;
      const who = { protocol: PROTOCOL_VERSION, token: this.#token, ...(name && { name }) };
      socket.send(encodeFrame({ ...hello, ...who }));
    };
    socket.onmessage = ({ data }) => this.#receive(data);
    socket.onclose = ({ code, reason }) => this.#closed(code, reason);
    this.#after(WELCOME_MS, () => this.#lost('waiting'));
  }

  #receive(data: unknown): void {
    if (!(data instanceof ArrayBuffer)) return;
    this.#ports.onReceived(data.byteLength);
    this.#take(data);
  }

  #take(frame: ArrayBuffer): void {
    this.#isLarge ||= frame.byteLength > LARGE_BYTES;
    let message: FromCoordinator;
    let payload: Uint8Array<ArrayBuffer>;
    try {
      const decoded = decodeFrame(frame);
      message = fromCoordinator(decoded.header);
      payload = decoded.payload;
    } catch (error) {
      // A newer coordinator may know messages that this page does not.
      if (error instanceof FrameError) return console.warn(error.message);
      throw error;
    }
    if (message.type === 'refused') return this.#refused(message);
    this.#listen();
    if (message.type === 'part') return this.#join(payload, message.last);
    if (message.type === 'welcome') {
      this.#attempt = 0;
      this.#wasWelcome = true;
      this.#become({
        state: 'open',
        worker: message.worker,
        environment: message.environment,
      });
      this.#measure();
    }
    if (message.type === 'pong' && this.#asked !== undefined) {
      this.#roundTrip = Math.max(0, Date.now() - this.#asked) / 1000;
      this.#asked = undefined;
    }
    if (this.#state.state !== 'open') return;
    if (message.type === 'environment') {
      return this.#become({ ...this.#state, environment: message.environment });
    }
    this.#ports.onFrame(message, frame);
  }

  #join(part: Uint8Array<ArrayBuffer>, isLast: boolean): void {
    this.#parts.push(part);
    if (!isLast) return;
    const parts = this.#parts;
    this.#parts = [];
    const frame = new Uint8Array(parts.reduce((bytes, { length }) => bytes + length, 0));
    let start = 0;
    for (const each of parts) {
      frame.set(each, start);
      start += each.length;
    }
    this.#take(frame.buffer);
  }

  #listen(): void {
    this.#after(QUIET_MS, () => this.#ping(QUIET_MS));
  }

  #ping(wait: number): void {
    const unsent = this.#unsent;
    this.#ask();
    this.#expect(wait, unsent);
  }

  /** @param unsent The bytes before the ping when the wait began. */
  #expect(wait: number, unsent: number): void {
    const since = Date.now();
    this.#after(wait, () => {
      // Whoever slept through the deadline has not read what came meanwhile.
      if (Date.now() - since > 2 * wait) this.#ping(wait);
      // The ping waits behind a large result, for which the line takes its time.
      else if (this.#unsent < unsent) this.#expect(wait, this.#unsent);
      else this.#lost('waiting');
    });
  }

  get #unsent(): number {
    return this.#socket?.bufferedAmount ?? 0;
  }

  /** Asks also while frames come, since the owner wants to know how far away this device is. */
  #measure(): void {
    const wait = this.#roundTrip === undefined ? FIRST_MEASURE_MS : MEASURE_MS;
    if (this.#asked === undefined) this.#ask();
    // The answer waits behind a large frame, and the coordinator wants a sign of life as well.
    else if (this.#parts.length > 0) this.send({ type: 'ping' });
    this.#measuring = setTimeout(() => this.#measure(), wait);
  }

  #ask(): number {
    const roundTrip = this.#roundTrip;
    this.send({ type: 'ping', ...(roundTrip !== undefined && { round_trip: roundTrip }) });
    this.#asked = Date.now();
    return this.#asked;
  }

  #refused({ code, message }: Extract<FromCoordinator, { type: 'refused' }>): void {
    if (PASSING.has(code)) return this.#lost('waiting', code === 'full' ? 'full' : 'lost');
    if (code === 'token' && this.#wasWelcome) {
      // Another execution answers at this address now; ours may return.
      this.#attempt = SLOW_ATTEMPT;
      return this.#lost('ended');
    }
    this.#refuse(code, message);
  }

  #closed(code: number, reason: string): void {
    const dismissal = DISMISSALS.get(code);
    if (dismissal) return this.#refuse(reason === BY_OWNER ? BY_OWNER : dismissal, reason);
    // After a goodbye nobody answers at this address until the script runs again.
    const state = this.#state;
    const isOver = state.state === 'connecting' && state.after === 'ended';
    this.#lost(code === GOING_AWAY || isOver ? 'ended' : 'waiting');
  }

  #refuse(code: string, message: string): void {
    this.#hangUp();
    this.#become({ state: 'refused', code, message });
  }

  #lost(state: 'waiting' | 'ended', reason: 'full' | 'lost' = 'lost'): void {
    this.#hangUp();
    this.#attempt += 1;
    const wait = backoff(this.#attempt, this.#ports.random());
    const next = { until: Date.now() + wait, attempt: this.#attempt };
    this.#become(state === 'waiting' ? { state, ...next, reason } : { state, ...next });
    this.#after(wait, () => this.#dial());
  }

  #hangUp(): void {
    clearTimeout(this.#timer);
    clearTimeout(this.#measuring);
    this.#asked = this.#roundTrip = undefined;
    this.#parts = [];
    const socket = this.#socket;
    this.#socket = undefined;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }

  #after(wait: number, action: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(action, wait);
  }

  #become(state: Connection): void {
    this.#state = state;
    this.#ports.onState(state);
  }
}
