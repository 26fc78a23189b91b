// From Start to Stop: one connection, one sandboxed frame, some compute workers. Ties the parts
// together and holds no rules of its own beyond their order:
//
//     environment -> downloads -> frame -> crew ready -> capacity announced -> chunks
import { BlobCache } from '../assets/blobs';
import { DownloadError, download, type Fetching, pause } from '../assets/download';
import {
  type Environment,
  fetchEnvironment,
  filesOf,
  needsSame,
} from '../assets/environment';
import { backoff, type Connection, CoordinatorLink, type Socket } from '../link/connection';
import type { Failure, FromFrame, ToFrame } from '../messages';
import { never } from '../messages';
import { FRAME_DEADLINE_MS } from '../sandbox/steps';
import { strings } from '../strings';
import { Crew } from './crew';
import { Dispatcher } from './dispatcher';
import type { Activity, Download, Work, WorkerView } from './snapshot';
import { Statistics } from './statistics';

export interface SessionPorts {
  readonly fetch: typeof fetch;
  readonly dial: () => Socket;
  readonly random: () => number;
  readonly computeSource: string;
  readonly onChange: () => void;
  readonly onEnvironment: (environment: Environment) => void;
}

export class Session {
  readonly statistics = new Statistics();
  readonly #ports: SessionPorts;
  readonly #frame: MessagePort;
  readonly #link: CoordinatorLink;
  readonly #dispatcher: Dispatcher;
  readonly #crew: Crew;
  readonly #fetching: Fetching;
  readonly #stopped = new AbortController();
  readonly #frameReady: Promise<void>;
  /** Ends the preparation under way when another environment has come. */
  #outdated = new AbortController();
  #heldByFrame = new Set<string>();
  #environment: Environment;
  #download: Download = { state: 'asking' };
  #announced = 0;
  #hadMap = false;
  #incident: Failure | null = null;
  #failure: Failure | null = null;

  constructor(
    token: string,
    environment: Environment,
    workers: number,
    frame: MessagePort,
    ports: SessionPorts,
  ) {
    this.#ports = ports;
    this.#frame = frame;
    this.#environment = environment;
    this.#fetching = { fetch: ports.fetch, token, signal: this.#stopped.signal };
    const blobs = new BlobCache(this.#fetching);
    this.#link = new CoordinatorLink(token, {
      dial: ports.dial,
      random: ports.random,
      onState: (state) => this.#connection(state),
      onFrame: (message, bytes) => this.#dispatcher.receive(message, bytes),
    });
    this.#dispatcher = new Dispatcher(
      {
        available: () => this.#crew.available,
        tell: (worker, message, transfer) => this.#crew.tell(worker, message, transfer),
        replace: (worker, reason) => this.#crew.replace(worker, reason),
        fetchBlobs: (ids) => blobs.all(ids),
        send: (message) => this.#link.send(message),
        forward: (bytes) => this.#link.forward(bytes),
        onChange: ports.onChange,
      },
      this.statistics,
    );
    this.#crew = new Crew(workers, this.#tellFrame, (worker) => this.#dispatcher.isBusy(worker), {
      onLeft: (worker, reason) => this.#dispatcher.left(worker, reason),
      onResult: (worker, bytes) => this.#dispatcher.result(worker, bytes),
      onDone: (worker) => this.#dispatcher.done(worker),
      onReplaced: (failure) => {
        this.statistics.countReplaced();
        this.#incident = failure;
      },
      onHalted: (failure) => this.#fail(failure),
      onChange: () => this.#staffed(),
    });
    this.#frameReady = this.#listenToFrame();
  }

  begin(): void {
    this.#link.open();
    void this.#prepare(this.#environment);
  }

  resize(workers: number): void {
    this.#crew.resize(workers);
  }

  retry(): void {
    this.#link.retry();
  }

  close(): void {
    this.#stopped.abort();
    this.#outdated.abort();
    this.#crew.dismiss();
    this.#link.close();
    this.#frame.close();
  }

  activity(): Activity {
    const tally = this.statistics.tally();
    if (this.#failure) return { state: 'failed', failure: this.#failure, tally };
    return {
      state: 'running',
      connection: this.#link.state,
      download: this.#download,
      wanted: this.#crew.size,
      workers: this.#crew.views.map((view) => this.#view(view)),
      work: this.#work(),
      tally,
      incident: this.#incident,
    };
  }

  #view({ id, ready, leaving, step }: Crew['views'][number]): WorkerView {
    const busy = this.#dispatcher.isBusy(id);
    const state = leaving ? 'leaving' : !ready ? 'loading' : busy ? 'computing' : 'idle';
    return { id, state, step };
  }

  #work(): Work {
    if (this.#dispatcher.hasMap) {
      this.#hadMap = true;
      return 'under way';
    }
    return this.#hadMap ? 'over' : 'none';
  }

  #connection(state: Connection): void {
    this.#announced = 0;
    if (state.state === 'open') {
      if (state.environment === this.#environment.id) this.#announce();
      else void this.#renew();
    } else {
      this.#dispatcher.disconnected();
    }
    this.#ports.onChange();
  }

  #staffed(): void {
    this.#announce();
    this.#dispatcher.pump();
    this.#ports.onChange();
  }

  /** Tells the coordinator how many chunks to send, once what it needs is what the workers have. */
  #announce(): void {
    const { state } = this.#link;
    if (state.state !== 'open' || state.environment !== this.#environment.id) return;
    const capacity = this.#crew.available.length;
    if (capacity === this.#announced) return;
    this.#announced = capacity;
    this.#link.send({ type: 'capacity', capacity });
  }

  /** The coordinator wants another environment than the one that is here. */
  async #renew(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        const environment = await fetchEnvironment(this.#fetching);
        const same = needsSame(this.#environment, environment);
        this.#environment = environment;
        this.#ports.onEnvironment(environment);
        return same ? this.#announce() : void this.#prepare(environment);
      } catch (error) {
        if (this.#stopped.signal.aborted) return;
        if (error instanceof DownloadError) return this.#fail(failureOf(error));
      }
      await pause(backoff(attempt, this.#ports.random()));
    }
  }

  /** Downloads what is missing, hands it to the frame and starts the compute workers. */
  async #prepare(environment: Environment): Promise<void> {
    this.#outdated.abort();
    this.#outdated = new AbortController();
    const { signal } = this.#outdated;
    this.#crew.dismiss();
    try {
      await Promise.all([this.#frameReady, this.#fetchMissing(environment, signal)]);
      signal.throwIfAborted();
      this.#download = { state: 'done' };
      this.#crew.equip(recipeOf(environment));
    } catch (error) {
      if (!signal.aborted) this.#fail(failureOf(error));
    }
  }

  async #fetchMissing(environment: Environment, signal: AbortSignal): Promise<void> {
    const files = new Map(filesOf(environment).map((file) => [file.sha256, file]));
    for (const id of this.#heldByFrame) {
      if (files.delete(id)) continue;
      this.#heldByFrame.delete(id);
      this.#tellFrame({ type: 'drop', id });
    }
    const received = new Map<string, number>();
    const total = [...files.values()].reduce((sum, file) => sum + file.size, 0);
    this.#download = { state: 'loading', received: 0, total };
    const fetching = { ...this.#fetching, signal };
    const fetches = [...files.values()].map(async (file) => {
      const bytes = await download(file, fetching, (count) => {
        received.set(file.sha256, count);
        const sum = [...received.values()].reduce((one, other) => one + other, 0);
        this.#download = { state: 'loading', received: sum, total };
        this.#ports.onChange();
      });
      this.#heldByFrame.add(file.sha256);
      this.#tellFrame({ type: 'keep', id: file.sha256, bytes }, [bytes]);
    });
    await Promise.all(fetches);
  }

  #listenToFrame(): Promise<void> {
    return new Promise((resolve, reject) => {
      const deadline = setTimeout(
        () => reject(new DownloadError(strings.failures.frame)),
        FRAME_DEADLINE_MS,
      );
      this.#stopped.signal.addEventListener('abort', () => clearTimeout(deadline));
      this.#frame.onmessage = ({ data }: MessageEvent<FromFrame>) => {
        switch (data.type) {
          case 'ready':
            clearTimeout(deadline);
            this.#tellFrame({ type: 'source', text: this.#ports.computeSource });
            return resolve();
          case 'crashed':
            return this.#crew.crashed(data.worker, data.details);
          default:
            return never(data);
        }
      };
    });
  }

  readonly #tellFrame = (message: ToFrame, transfer: Transferable[] = []): void => {
    this.#frame.postMessage(message, transfer);
  };

  #fail(failure: Failure): void {
    this.#failure = failure;
    this.close();
    this.#ports.onChange();
  }
}

function recipeOf(environment: Environment) {
  const runtime = environment.runtime.map(({ name, sha256 }) => [name, sha256] as const);
  return {
    version: environment.version,
    runtime: Object.fromEntries(runtime),
    wheels: environment.wheels.map(({ sha256 }) => sha256),
    bundle: environment.bundle.sha256,
  };
}

function failureOf(error: unknown): Failure {
  if (error instanceof DownloadError) return { message: error.message, details: '' };
  const details = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { message: strings.failures.unknown, details };
}

