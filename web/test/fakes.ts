// Ends that tests hold in their hands instead of a network, a frame or an interpreter.
import { vi } from 'vitest';
import type { Socket } from '../src/link/connection';
import { encodeFrame, type FromWorker } from '../src/link/frames';

/** A frame of any header; the coordinator's are written by Python only. */
export function frameOf(header: object, payload?: Uint8Array<ArrayBuffer>): ArrayBuffer {
  return encodeFrame(header as FromWorker, payload);
}

export class FakeSocket implements Socket {
  binaryType: BinaryType = 'blob';
  bufferedAmount = 0;
  onopen: Socket['onopen'] = null;
  onmessage: Socket['onmessage'] = null;
  onclose: Socket['onclose'] = null;
  readonly sent: ArrayBuffer[] = [];
  closed = false;

  send(frame: ArrayBuffer): void {
    this.sent.push(frame);
  }

  close(): void {
    this.closed = true;
  }

  opens(): void {
    this.onopen?.(new Event('open'));
  }

  receives(frame: ArrayBuffer): void {
    this.onmessage?.(new MessageEvent('message', { data: frame }));
  }

  closes(code: number, reason = ''): void {
    this.onclose?.(Object.assign(new Event('close'), { code, reason }) as CloseEvent);
  }
}

/** An end of a channel: what was posted there, and a voice for the other end. */
export class FakePort {
  onmessage: ((event: MessageEvent) => void) | null = null;
  readonly posted: unknown[] = [];
  closed = false;

  postMessage(message: unknown): void {
    this.posted.push(message);
  }

  close(): void {
    this.closed = true;
  }

  says(message: unknown): void {
    this.onmessage?.(new MessageEvent('message', { data: message }));
  }
}

/** Replaces channels, and returns the near ends of those that are made from now on. */
export function fakeChannels(): readonly FakePort[] {
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
  return ports;
}

export interface Answer {
  readonly status?: number;
  readonly body?: BodyInit;
}

/** A fetch that answers from a table of paths, in turn, and keeps what was asked. */
export function fakeFetch(answers: Readonly<Record<string, Answer | Error | (Answer | Error)[]>>) {
  const asked: { readonly path: string; readonly init: RequestInit | undefined }[] = [];
  const queues = new Map(
    Object.entries(answers).map(([path, answer]) => [path, [answer].flat()] as const),
  );
  const fetch = async (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
    const path = String(input);
    asked.push({ path, init });
    const queue = queues.get(path) ?? [];
    const answer = (queue.length > 1 ? queue.shift() : queue[0]) ?? { status: 404 };
    if (answer instanceof Error) throw answer;
    return new Response(answer.body ?? '', { status: answer.status ?? 200 });
  };
  return { fetch, asked };
}

/**
 * Lets virtual time pass until a promise is settled. Hashing happens on a real thread, which
 * virtual time knows nothing of: hence the turns of the real event loop between.
 */
export async function settled<T>(promise: Promise<T>): Promise<T | unknown> {
  let open = true;
  const outcome = promise.then(
    (value: unknown) => value,
    (error: unknown) => error,
  );
  void outcome.then(() => {
    open = false;
  });
  while (open) {
    await vi.advanceTimersByTimeAsync(100);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return outcome;
}

/** Virtual time that leaves the turns of the event loop real. */
export function useVirtualTime(): void {
  const toFake = ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date'] as const;
  vi.useFakeTimers({ now: 1_000_000, toFake: [...toFake] });
}
