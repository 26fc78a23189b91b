// Which compute worker gets which chunk. A lease goes this way:
//
//     waiting (its blobs are being fetched) -> queued -> running at a worker -> over
//                                                            |
//                                   cancelled or of a lost connection: "unwanted"
//
// Nothing of an unwanted lease is sent. Its worker is asked to stop between two steps, and ended
// when it does not: a new interpreter takes seconds, so short chunks are left to finish.
import {
  type Chunk,
  decodeFrame,
  FrameError,
  type FromCoordinator,
  type FromWorker,
  MAX_REASON_LENGTH,
  MAX_RESULT_BYTES,
  type Result,
  resultHeader,
} from '../link/frames';
import type { ToCompute } from '../messages';
import { strings } from '../strings';
import type { Statistics } from './statistics';

export interface DispatcherPorts {
  readonly available: () => readonly number[];
  readonly tell: (worker: number, message: ToCompute, transfer?: Transferable[]) => void;
  readonly replace: (worker: number, reason: string) => void;
  readonly fetchBlobs: (ids: readonly string[]) => Promise<readonly ArrayBuffer[]>;
  readonly send: (message: FromWorker) => void;
  readonly forward: (frame: ArrayBuffer) => void;
  readonly onChange: () => void;
}

interface KnownMap {
  readonly frame: ArrayBuffer;
  readonly blobs: readonly string[];
  /** The compute workers that have it. */
  readonly holders: Set<number>;
}

interface Lease {
  readonly chunk: Chunk;
  readonly frame: ArrayBuffer;
  /** The bytes of its map and of its own, once they are here. */
  loaded?: { readonly map: readonly ArrayBuffer[]; readonly chunk: readonly ArrayBuffer[] };
}

interface Run {
  readonly chunk: Chunk;
  readonly since: number;
  unwanted: boolean;
  /** Whether the coordinator waits to hear that this lease's place is free again. */
  awaited: boolean;
  grace?: ReturnType<typeof setTimeout>;
}

/** How long an unwanted chunk may go on: half of what a new interpreter takes at its best. */
export const GRACE_MS = 2_000;

export class Dispatcher {
  readonly #maps = new Map<number, KnownMap>();
  readonly #queue = new Map<number, Lease>();
  readonly #runs = new Map<number, Run>();
  readonly #ports: DispatcherPorts;
  readonly #statistics: Statistics;
  readonly #now: () => number;

  constructor(ports: DispatcherPorts, statistics: Statistics, now: () => number = Date.now) {
    this.#ports = ports;
    this.#statistics = statistics;
    this.#now = now;
  }

  get hasMap(): boolean {
    return this.#maps.size > 0;
  }

  isBusy(worker: number): boolean {
    return this.#runs.has(worker);
  }

  /** Takes what concerns maps and chunks, ignores the rest. */
  receive(message: FromCoordinator, frame: ArrayBuffer): void {
    switch (message.type) {
      case 'map':
        this.#maps.set(message.map, { frame, blobs: message.blobs, holders: new Set() });
        break;
      case 'chunk':
        this.#queue.set(message.lease, { chunk: message, frame });
        this.#load(message);
        break;
      case 'cancel':
        this.#cancel(message.lease);
        break;
      case 'forget':
        this.#forget(message.map, frame);
        break;
      default:
        return;
    }
    this.#ports.onChange();
  }

  /** The connection is gone, and every lease and map with it. */
  disconnected(): void {
    this.#queue.clear();
    this.#maps.clear();
    for (const [worker, run] of this.#runs) {
      // The next connection has leases of its own, under the same numbers.
      run.awaited = false;
      this.#unwant(worker, run);
    }
  }

  left(worker: number, reason: string): void {
    for (const { holders } of this.#maps.values()) holders.delete(worker);
    const run = this.#runs.get(worker);
    this.#over(worker);
    if (run && !run.unwanted) this.#fail(run.chunk.lease, reason);
  }

  result(worker: number, frame: ArrayBuffer): void {
    const run = this.#runs.get(worker);
    if (!run || run.unwanted) return;
    const result = answerOf(frame, run.chunk.lease);
    if (!result) return this.#ports.replace(worker, strings.reasons.strange);
    this.#ports.forward(frame);
    const count = Math.min(result.count, run.chunk.stop - run.chunk.skip);
    this.#statistics.countItems(count);
    this.#statistics.countRaised(Math.min(result.raised, count));
    this.#ports.onChange();
  }

  done(worker: number): void {
    const run = this.#runs.get(worker);
    if (run) this.#statistics.countChunk(this.#now() - run.since);
    this.#over(worker);
  }

  /** Gives what is queued to whoever is free. */
  pump(): void {
    const free = this.#ports.available().filter((worker) => !this.#runs.has(worker));
    for (const [id, lease] of this.#queue) {
      const worker = free[0];
      if (worker === undefined) return;
      if (!lease.loaded || !this.#maps.has(lease.chunk.map)) continue;
      free.shift();
      this.#queue.delete(id);
      this.#run(worker, lease, lease.loaded);
    }
  }

  #run(worker: number, { chunk, frame }: Lease, loaded: NonNullable<Lease['loaded']>): void {
    const map = this.#maps.get(chunk.map);
    if (map && !map.holders.has(worker)) {
      map.holders.add(worker);
      this.#ports.tell(worker, { type: 'inform', frame: map.frame, blobs: loaded.map });
    }
    this.#ports.tell(worker, { type: 'compute', frame, blobs: loaded.chunk }, [frame]);
    this.#runs.set(worker, { chunk, since: this.#now(), unwanted: false, awaited: false });
    this.#ports.onChange();
  }

  #load(chunk: Chunk): void {
    const map = this.#maps.get(chunk.map);
    if (!map) return this.#drop(chunk.lease, strings.reasons.unknownMap);
    Promise.all([this.#ports.fetchBlobs(map.blobs), this.#ports.fetchBlobs(chunk.blobs)]).then(
      ([ofMap, ofChunk]) => {
        const lease = this.#queue.get(chunk.lease);
        if (lease?.chunk === chunk) lease.loaded = { map: ofMap, chunk: ofChunk };
        this.pump();
      },
      (error: unknown) => {
        if (this.#queue.get(chunk.lease)?.chunk === chunk) this.#drop(chunk.lease, String(error));
      },
    );
  }

  #drop(lease: number, reason: string): void {
    this.#queue.delete(lease);
    this.#fail(lease, reason);
  }

  #fail(lease: number, reason: string): void {
    this.#ports.send({ type: 'failed', lease, reason: reason.slice(0, MAX_REASON_LENGTH) });
  }

  #cancel(lease: number): void {
    this.#queue.delete(lease);
    const running = [...this.#runs].find(([, { chunk }]) => chunk.lease === lease);
    if (!running) return this.#ports.send({ type: 'cancelled', lease });
    const [worker, run] = running;
    run.awaited = true;
    this.#unwant(worker, run);
  }

  #forget(map: number, frame: ArrayBuffer): void {
    const known = this.#maps.get(map);
    this.#maps.delete(map);
    for (const [id, { chunk }] of this.#queue) {
      if (chunk.map === map) this.#queue.delete(id);
    }
    for (const [worker, run] of this.#runs) {
      if (run.chunk.map === map) this.#unwant(worker, run);
    }
    for (const worker of known?.holders ?? []) {
      this.#ports.tell(worker, { type: 'inform', frame, blobs: [] });
    }
  }

  #unwant(worker: number, run: Run): void {
    if (run.unwanted) return;
    run.unwanted = true;
    this.#ports.tell(worker, { type: 'abandon' });
    run.grace = setTimeout(() => this.#ports.replace(worker, strings.reasons.cancelled), GRACE_MS);
  }

  #over(worker: number): void {
    const run = this.#runs.get(worker);
    clearTimeout(run?.grace);
    this.#runs.delete(worker);
    if (run?.awaited) this.#ports.send({ type: 'cancelled', lease: run.chunk.lease });
    this.#ports.onChange();
    this.pump();
  }
}

/**
 * Reads a result's header, or returns null when it is no answer to this lease: the frame comes out
 * of an interpreter that runs anybody's code, and nothing else may leave in this device's name.
 */
function answerOf(frame: ArrayBuffer, lease: number): Result | null {
  try {
    const { header, payload } = decodeFrame(frame);
    const result = resultHeader(header);
    return result.lease === lease && payload.byteLength <= MAX_RESULT_BYTES ? result : null;
  } catch (error) {
    if (error instanceof FrameError) return null;
    throw error;
  }
}
