// From Start to Stop: one connection, one sandboxed frame, some compute workers. Ties the parts
// together and holds no rules of its own beyond their order:
//
//     environment -> downloads -> frame -> crew ready -> capacity announced -> chunks
import { BlobCache } from '../assets/blobs';
import { DownloadError } from '../assets/download';
import type { Environment } from '../assets/environment';
import type { Snapshots } from '../assets/snapshots';
import { Supply } from '../assets/supply';
import { type Connection, CoordinatorLink, type Socket } from '../link/connection';
import type { Failure, FromFrame, ToFrame } from '../messages';
import { never } from '../messages';
import { FRAME_DEADLINE_MS } from '../sandbox/steps';
import { strings } from '../strings';
import { Crew } from './crew';
import { Dispatcher } from './dispatcher';
import type { Activity, Work, WorkerView } from './snapshot';
import { Statistics } from './statistics';

export interface SessionPorts {
  readonly fetch: typeof fetch;
  readonly dial: () => Socket;
  readonly random: () => number;
  readonly computeSource: string;
  readonly snapshots: Snapshots;
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
  readonly #stopped = new AbortController();
  readonly #supply: Supply;
  /** The environment that Start asked for; it may still be on its way. */
  #provided: Environment;
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
    this.#provided = environment;
    const fetching = { fetch: ports.fetch, token };
    const blobs = new BlobCache({ ...fetching, signal: this.#stopped.signal });
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
      onSnapshot: (id, bytes) => ports.snapshots.save(id, bytes),
      onSnapshotFailed: () => ports.snapshots.giveUp(),
      onChange: () => this.#staffed(),
    });
    this.#supply = new Supply(fetching, this.#listenToFrame(), {
      tellFrame: this.#tellFrame,
      random: ports.random,
      equip: (recipe, snapshot) => this.#crew.equip(recipe, snapshot),
      install: (recipe, packages) => this.#crew.install(recipe, packages),
      onEnvironment: (fresh) => {
        this.#provided = fresh;
        ports.onEnvironment(fresh);
      },
      snapshots: ports.snapshots,
      onFailure: (failure) => this.#fail(failure),
      onChange: () => this.#staffed(),
    });
  }

  begin(): void {
    this.#link.open();
    void this.#supply.provide(this.#provided);
  }

  resize(workers: number): void {
    this.#crew.resize(workers);
  }

  retry(): void {
    this.#link.retry();
  }

  close(): void {
    this.#stopped.abort();
    this.#supply.close();
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
      download: this.#supply.download,
      wanted: this.#crew.size,
      workers: this.#crew.views.map((view) => this.#view(view)),
      work: this.#work(),
      tally,
      incident: this.#incident,
    };
  }

  #view({ id, ready, leaving, step, start }: Crew['views'][number]): WorkerView {
    const busy = this.#dispatcher.isBusy(id);
    const state = leaving ? 'leaving' : !ready ? 'loading' : busy ? 'computing' : 'idle';
    return { id, state, step, start };
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
    if (state.state === 'refused') {
      const { code, message } = state;
      return this.#fail({ message: strings.refusals[code] ?? message, details: '' });
    }
    if (state.state === 'open') {
      if (state.environment === this.#supply.equipped) this.#announce();
      else if (state.environment !== this.#provided.id) void this.#supply.renew();
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

  /** Tells the coordinator how many chunks to send, once the workers have what it needs. */
  #announce(): void {
    const { state } = this.#link;
    if (state.state !== 'open' || state.environment !== this.#supply.equipped) return;
    const capacity = this.#crew.available.length;
    // A connection begins with a capacity of 0.
    if (capacity === this.#announced) return;
    this.#announced = capacity;
    this.#link.send({ type: 'capacity', capacity, environment: state.environment });
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
