// Which compute worker gets which chunk. A lease goes this way:
//
//     waiting (its blobs are being fetched) -> queued -> running at a worker -> over
//                                                            |
//                    cancelled, given back, or of a lost connection: "ending"
//
// The worker of an ending lease is asked to stop between two steps, and ended when it does not: a
// new interpreter takes seconds, so short chunks are left to finish. Of what it still answers,
// only a lease that is given back has any use.
import {
  answerHeader,
  type Chunk,
  decodeFrame,
  FrameError,
  type FromCoordinator,
  type FromWorker,
  MAX_OUTPUT_BYTES,
  MAX_REASON_LENGTH,
  MAX_RESULT_BYTES,
  type Output,
  type Result,
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
  /** Whether all its items are answered. */
  answered: boolean;
  /** What the coordinator hears when the lease is over; undefined while it is wanted. */
  ending?: 'cancelled' | 'returned' | 'nothing';
  grace?: ReturnType<typeof setTimeout>;
}

/** How long an ending chunk may go on: half of what a new interpreter takes without a snapshot. */
export const GRACE_MS = 2_000;

export class Dispatcher {
  readonly #maps = new Map<number, KnownMap>();
  readonly #queue = new Map<number, Lease>();
  readonly #runs = new Map<number, Run>();
  readonly #ports: DispatcherPorts;
  readonly #statistics: Statistics;
  #isOpen = true;

  constructor(ports: DispatcherPorts, statistics: Statistics) {
    this.#ports = ports;
    this.#statistics = statistics;
  }

  get hasMap(): boolean {
    return this.#maps.size > 0;
  }

  get isIdle(): boolean {
    return this.#runs.size === 0;
  }

  isBusy(worker: number): boolean {
    return this.#runs.has(worker);
  }

  /** Takes chunks from now on. */
  open(): void {
    this.#isOpen = true;
  }

  /** Gives back what is queued and what comes from now on; what runs goes on. */
  close(): void {
    this.#isOpen = false;
    for (const lease of this.#queue.keys()) this.#giveBack(lease);
  }

  /** Gives back what runs as well. */
  interrupt(): void {
    for (const [worker, run] of this.#runs) if (!run.ending) this.#end(worker, run, 'returned');
  }

  /** Takes what concerns maps and chunks, ignores the rest. */
  receive(message: FromCoordinator, frame: ArrayBuffer): void {
    switch (message.type) {
      case 'map':
        this.#maps.set(message.map, { frame, blobs: message.blobs, holders: new Set() });
        break;
      case 'chunk':
        if (!this.#isOpen) return this.#giveBack(message.lease);
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
      this.#end(worker, run, 'nothing');
    }
  }

  /** @param reason Why it ended, or null where nobody is to blame. */
  left(worker: number, reason: string | null): void {
    for (const { holders } of this.#maps.values()) holders.delete(worker);
    const run = this.#runs.get(worker);
    if (run && !run.ending && reason === null) run.ending = 'returned';
    this.#over(worker);
    if (run && !run.ending && reason !== null) this.#fail(run.chunk.lease, reason);
  }

  result(worker: number, frame: ArrayBuffer): void {
    const run = this.#runs.get(worker);
    if (!run || run.ending === 'cancelled' || run.ending === 'nothing') return;
    const result = answerOf(frame, run.chunk.lease);
    if (!result) return this.#ports.replace(worker, strings.reasons.strange);
    if (result.type === 'output') return this.#ports.forward(frame);
    run.answered = result.final;
    this.#ports.forward(frame);
    const count = Math.min(result.count, run.chunk.stop - run.chunk.skip);
    this.#statistics.countItems(count);
    this.#statistics.countRaised(Math.min(result.raised, count));
    this.#ports.onChange();
  }

  /** @param worked Milliseconds of computing. */
  done(worker: number, worked: number): void {
    if (this.#runs.has(worker)) this.#statistics.countChunk(worked);
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
    this.#runs.set(worker, { chunk, answered: false });
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
    // What is left of a lost connection may go by the same number.
    const running = [...this.#runs].find(
      ([, { chunk, ending }]) => chunk.lease === lease && ending !== 'nothing',
    );
    if (!running) return this.#ports.send({ type: 'cancelled', lease });
    const [worker, run] = running;
    this.#end(worker, run, 'cancelled');
  }

  #forget(map: number, frame: ArrayBuffer): void {
    const known = this.#maps.get(map);
    this.#maps.delete(map);
    for (const [id, { chunk }] of this.#queue) {
      if (chunk.map === map) this.#queue.delete(id);
    }
    for (const [worker, run] of this.#runs) {
      if (run.chunk.map === map && !run.ending) this.#end(worker, run, 'nothing');
    }
    for (const worker of known?.holders ?? []) {
      this.#ports.tell(worker, { type: 'inform', frame, blobs: [] });
    }
  }

  /** Asks a worker to stop soon; said again, only what the coordinator will hear changes. */
  #end(worker: number, run: Run, ending: NonNullable<Run['ending']>): void {
    const isNew = !run.ending;
    run.ending = ending;
    if (!isNew) return;
    this.#ports.tell(worker, { type: 'abandon' });
    run.grace = setTimeout(() => this.#ports.replace(worker, strings.reasons.cancelled), GRACE_MS);
  }

  #over(worker: number): void {
    const run = this.#runs.get(worker);
    clearTimeout(run?.grace);
    this.#runs.delete(worker);
    if (run) this.#sayGoodbye(run);
    this.#ports.onChange();
    this.pump();
  }

  #sayGoodbye({ chunk: { lease }, ending, answered }: Run): void {
    if (ending === 'cancelled') this.#ports.send({ type: 'cancelled', lease });
    if (ending === 'returned' && !answered) this.#ports.send({ type: 'returned', lease });
  }

  #giveBack(lease: number): void {
    this.#queue.delete(lease);
    this.#ports.send({ type: 'returned', lease });
  }
}

/**
 * Reads an answer's header, or returns null when it is no answer to this lease: the frame comes out
 * of an interpreter that runs anybody's code, and nothing else may leave in this device's name.
 */
function answerOf(frame: ArrayBuffer, lease: number): Result | Output | null {
  try {
    const { header, payload } = decodeFrame(frame);
    const answer = answerHeader(header);
    const most = answer.type === 'output' ? MAX_OUTPUT_BYTES : MAX_RESULT_BYTES;
    return answer.lease === lease && payload.byteLength <= most ? answer : null;
  } catch (error) {
    if (error instanceof FrameError) return null;
    throw error;
  }
}
