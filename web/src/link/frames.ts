// The wire, as docs/protocol.md has it:
//
//     frame = uint32 header length | JSON header | zeros up to a multiple of 8 | payload
//
// This side reads headers only; what a payload holds is between the two Pythons.

export const PROTOCOL_VERSION = 5;
/** The largest payload that a coordinator takes as a result. */
export const MAX_RESULT_BYTES = 64 * 1024 * 1024;
/** The largest payload that it takes as an output. */
export const MAX_OUTPUT_BYTES = 128 * 1024;
export const MAX_REASON_LENGTH = 500;

export type FromCoordinator =
  | { readonly type: 'welcome'; readonly worker: number; readonly environment: string }
  | { readonly type: 'refused'; readonly code: string; readonly message: string }
  | { readonly type: 'environment'; readonly environment: string }
  | { readonly type: 'map'; readonly map: number; readonly blobs: readonly string[] }
  | {
      readonly type: 'chunk';
      readonly lease: number;
      readonly map: number;
      readonly skip: number;
      readonly stop: number;
      readonly blobs: readonly string[];
      readonly piecewise: boolean;
    }
  | { readonly type: 'cancel'; readonly lease: number }
  | { readonly type: 'forget'; readonly map: number }
  | {
      readonly type: 'progress';
      readonly devices: number;
      readonly done: number;
      /** Items per second of all workers together. */
      readonly rate: number;
      /** Absent while it is unknown; 0 while no map runs. */
      readonly total?: number;
      /** Seconds. */
      readonly remaining?: number;
    }
  | { readonly type: 'pong' }
  /** The next bytes of a frame that is too large for one message. */
  | { readonly type: 'part'; readonly last: boolean };

export type FromWorker =
  | {
      readonly type: 'hello';
      readonly protocol: number;
      readonly token: string;
      readonly kind: 'browser';
      readonly capacity: number;
      readonly name?: string;
    }
  | { readonly type: 'capacity'; readonly capacity: number; readonly environment: string }
  | {
      readonly type: 'result';
      readonly lease: number;
      readonly offset: number;
      readonly count: number;
      readonly raised: number;
      readonly final: boolean;
      readonly seconds: number;
      /** Places and seconds of the items that took longest. */
      readonly slowest: readonly (readonly [place: number, seconds: number])[];
    }
  /** What items printed, and how many lines were too many to be sent. */
  | { readonly type: 'output'; readonly lease: number; readonly dropped: number }
  | { readonly type: 'failed'; readonly lease: number; readonly reason: string }
  | { readonly type: 'cancelled'; readonly lease: number }
  | { readonly type: 'returned'; readonly lease: number }
  /** `round_trip` in seconds, from the last ping to its answer. */
  | { readonly type: 'ping'; readonly round_trip?: number };

export type Chunk = Extract<FromCoordinator, { type: 'chunk' }>;
export type Progress = Extract<FromCoordinator, { type: 'progress' }>;
export type Output = Extract<FromWorker, { type: 'output' }>;
export type Result = Extract<FromWorker, { type: 'result' }>;

export class FrameError extends Error {
  override readonly name = 'FrameError';
}

/** Writes a frame. */
export function encodeFrame(header: FromWorker, payload = new Uint8Array()): ArrayBuffer {
  const text = new TextEncoder().encode(JSON.stringify(header));
  const start = aligned(4 + text.length);
  const frame = new Uint8Array(start + payload.length);
  new DataView(frame.buffer).setUint32(0, text.length, true);
  frame.set(text, 4);
  frame.set(payload, start);
  return frame.buffer;
}

/** Splits a frame; the payload is a view on it. */
export function decodeFrame(frame: ArrayBuffer): {
  header: unknown;
  payload: Uint8Array<ArrayBuffer>;
} {
  if (frame.byteLength < 4) throw new FrameError(`${frame.byteLength} bytes hold no header`);
  const end = 4 + new DataView(frame).getUint32(0, true);
  const start = aligned(end);
  if (frame.byteLength !== end && frame.byteLength < start) {
    throw new FrameError('the frame ends inside its header');
  }
  const text = new TextDecoder('utf-8', { fatal: true });
  try {
    const header: unknown = JSON.parse(text.decode(new Uint8Array(frame, 4, end - 4)));
    return { header, payload: new Uint8Array(frame).subarray(start) };
  } catch (error) {
    throw new FrameError(`the header is no JSON: ${error}`);
  }
}

/** Narrows a header of the coordinator's, or throws a `FrameError`. */
export function fromCoordinator(header: unknown): FromCoordinator {
  const field = new Fields(header);
  switch (field.type) {
    case 'welcome':
      return {
        type: 'welcome',
        worker: field.id('worker'),
        environment: field.text('environment'),
      };
    case 'refused':
      return { type: 'refused', code: field.text('code'), message: field.text('message') };
    case 'environment':
      return { type: 'environment', environment: field.text('environment') };
    case 'map':
      return { type: 'map', map: field.id('map'), blobs: field.texts('blobs') };
    case 'chunk':
      return {
        type: 'chunk',
        lease: field.id('lease'),
        map: field.id('map'),
        skip: field.id('skip'),
        stop: field.id('stop'),
        blobs: field.texts('blobs'),
        piecewise: field.flag('piecewise'),
      };
    case 'cancel':
      return { type: 'cancel', lease: field.id('lease') };
    case 'forget':
      return { type: 'forget', map: field.id('map') };
    case 'progress':
      return {
        type: 'progress',
        devices: field.id('devices'),
        done: field.id('done'),
        rate: field.number('rate'),
        ...(field.has('total') && { total: field.id('total') }),
        ...(field.has('remaining') && { remaining: field.number('remaining') }),
      };
    case 'pong':
      return { type: 'pong' };
    case 'part':
      return { type: 'part', last: field.flag('last') };
    default:
      throw new FrameError(`unknown message ${JSON.stringify(field.type)}`);
  }
}

/** Narrows the header of what a compute worker wants sent: results and outputs may leave. */
export function answerHeader(header: unknown): Result | Output {
  const field = new Fields(header);
  if (field.type === 'output') {
    return { type: 'output', lease: field.id('lease'), dropped: field.id('dropped') };
  }
  if (field.type !== 'result') throw new FrameError('a compute worker may send answers only');
  return {
    type: 'result',
    lease: field.id('lease'),
    offset: field.id('offset'),
    count: field.id('count'),
    raised: field.id('raised'),
    final: field.flag('final'),
    seconds: field.number('seconds'),
    slowest: field.pairs('slowest'),
  };
}

class Fields {
  readonly #record: Readonly<Record<string, unknown>>;

  constructor(header: unknown) {
    if (typeof header !== 'object' || header === null || Array.isArray(header)) {
      throw new FrameError('the header is no object');
    }
    this.#record = header as Readonly<Record<string, unknown>>;
  }

  get type(): unknown {
    return this.#record['type'];
  }

  has(name: string): boolean {
    return Object.hasOwn(this.#record, name);
  }

  number(name: string): number {
    return this.#checked(name, (value) => Number.isFinite(value) && Number(value) >= 0);
  }

  id(name: string): number {
    return this.#checked(name, (value) => Number.isSafeInteger(value) && Number(value) >= 0);
  }

  text(name: string): string {
    return this.#checked(name, (value) => typeof value === 'string');
  }

  texts(name: string): readonly string[] {
    const areTexts = (value: unknown) =>
      Array.isArray(value) && value.every((each) => typeof each === 'string');
    return this.#checked(name, areTexts);
  }

  pairs(name: string): readonly (readonly [number, number])[] {
    const isPair = (value: unknown) =>
      Array.isArray(value) && value.length === 2 && value.every(Number.isFinite);
    return this.#checked(name, (value) => Array.isArray(value) && value.every(isPair));
  }

  flag(name: string): boolean {
    return this.#checked(name, (value) => typeof value === 'boolean');
  }

  #checked<T>(name: string, isRight: (value: unknown) => boolean): T {
    const value = this.#record[name];
    if (!isRight(value)) throw new FrameError(`${String(this.type)}: ${name} is ${value}`);
    return value as T;
  }
}

function aligned(length: number): number {
  return Math.ceil(length / 8) * 8;
}
