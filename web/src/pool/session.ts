// From Start to Stop: one connection, one sandboxed frame, some compute workers. Ties the parts
// together and holds no rules of its own beyond their order:
//
//     environment -> downloads -> frame -> crew ready -> capacity announced -> chunks
import { BlobCache } from '../assets/blobs';
import type { Environment } from '../assets/environment';
import type { Snapshots } from '../assets/snapshots';
import { Supply } from '../assets/supply';
import { type Connection, CoordinatorLink, type Socket } from '../link/connection';
import type { FromCoordinator } from '../link/frames';
import type { Failure } from '../messages';
import { strings } from '../strings';
import { Crew } from './crew';
import { Dispatcher } from './dispatcher';
import type { Mode } from './mode';
import { Sandbox } from './sandbox';
import type { Activity, Raised, Standing, Work, WorkerView } from './snapshot';
import { Statistics } from './statistics';

export interface SessionPorts {
  readonly fetch: typeof fetch;
  readonly dial: () => Socket;
  /** What the owner reads of this device. */
  readonly name?: string | undefined;
  readonly random: () => number;
  readonly computeSource: string;
  readonly snapshots: Snapshots;
  readonly onChange: () => void;
  readonly onEnvironment: (environment: Environment) => void;
  readonly onStanding: (standing: Standing) => void;
  /** Another map has begun. */
  readonly onMap: () => void;
  /** All that was under way when it was told to finish is done. */
  readonly onFinished: () => void;
}

/** How long the page says that it has rejoined. */
const REJOINED_MS = 60_000;

export class Session {
  readonly statistics = new Statistics();
  readonly #ports: SessionPorts;
  readonly #sandbox: Sandbox;
  readonly #link: CoordinatorLink;
  readonly #dispatcher: Dispatcher;
  readonly #crew: Crew;
  readonly #stopped = new AbortController();
  readonly #supply: Supply;
  /** The environment that Start asked for; it may still be on its way. */
  #provided: Environment;
  #announced = 0;
  #hadMap = false;
  #hasJoined = false;
  #mode: Mode = { state: 'computing' };
  /** Milliseconds since 1970. */
  #lostAt: number | undefined;
  #rejoined: { readonly at: number; readonly seconds: number } | undefined;
  #raised: Raised | null = null;
  #incident: Failure | null = null;
  #failure: Failure | null = null;

  constructor(
    token: string,
    environment: Environment,
    workers: number,
    share: number,
    frame: MessagePort,
    ports: SessionPorts,
  ) {
    this.#ports = ports;
    this.#sandbox = new Sandbox(frame, ports.computeSource, (worker, details) =>
      this.#crew.crashed(worker, details),
    );
    this.#provided = environment;
    const fetching = { fetch: ports.fetch, token };
    const blobs = new BlobCache({ ...fetching, signal: this.#stopped.signal });
    this.#link = new CoordinatorLink(token, {
      dial: ports.dial,
      name: ports.name,
      random: ports.random,
      onState: (state) => this.#connection(state),
      onFrame: (message, bytes) => this.#receive(message, bytes),
      onReceived: (bytes) => this.statistics.countReceived(bytes),
      onSent: (bytes) => this.statistics.countSent(bytes),
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
    this.#crew = new Crew(
      workers,
      this.#sandbox.tell,
      (worker) => this.#dispatcher.isBusy(worker),
      {
        onLeft: (worker, reason) => {
          this.#dispatcher.left(worker, reason);
          this.#finishIfDone();
        },
        onResult: (worker, bytes, raised) => {
          if (raised) this.#raised = { traceback: raised };
          this.#dispatcher.result(worker, bytes);
        },
        onDone: (worker, worked) => {
          this.#dispatcher.done(worker, worked);
          this.#finishIfDone();
        },
        onReplaced: (failure) => {
          this.statistics.countReplaced();
          this.#incident = failure;
        },
        onFewer: (failure) => {
          this.#incident = failure;
        },
        onHalted: (failure) => this.#fail(failure),
        onSnapshot: (id, bytes) => ports.snapshots.save(id, bytes),
        onSnapshotFailed: () => ports.snapshots.giveUp(),
        onChange: () => this.#staffed(),
      },
    );
    this.#crew.setPower(share);
    this.#supply = new Supply(fetching, this.#sandbox.ready, {
      tellFrame: this.#sandbox.tell,
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

  setPower(share: number): void {
    this.#crew.setPower(share);
  }

  /** Computes, pauses at once, or finishes what runs. */
  setMode(mode: Mode): void {
    const isNew = mode.state !== this.#mode.state;
    this.#mode = mode;
    if (!isNew) return;
    this.#announce();
    if (mode.state === 'computing') this.#dispatcher.open();
    else this.#dispatcher.close();
    if (mode.state === 'paused') this.#dispatcher.interrupt();
    this.#finishIfDone();
    this.#ports.onChange();
  }

  /** Waits no longer to connect; finds out whether a connection still lives. */
  wake(): void {
    this.#link.check();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#stopped.abort();
    // Whatever is given back would be lent to this device again.
    this.#announce();
    this.#dispatcher.close();
    this.#supply.close();
    this.#crew.dismiss();
    this.#link.close();
    this.#sandbox.close();
  }

  activity(): Activity {
    const tally = this.statistics.tally();
    if (this.#failure) return { state: 'failed', failure: this.#failure, tally };
    return {
      state: 'running',
      mode: this.#mode,
      connection: this.#link.state,
      rejoined: this.#rejoinedAfter(),
      download: this.#supply.download,
      wanted: this.#crew.size,
      workers: this.#crew.views.map((view) => this.#view(view)),
      work: this.#work(),
      tally,
      raised: this.#raised,
      incident: this.#incident,
    };
  }

  #view({ id, ready, leaving, replaces, step, start }: Crew['views'][number]): WorkerView {
    const busy = this.#dispatcher.isBusy(id);
    if (leaving) return { id, state: 'leaving', step, start };
    if (!ready) return { id, state: replaces ? 'replacing' : 'loading', step, start };
    return { id, state: busy ? 'computing' : 'idle', step, start };
  }

  #rejoinedAfter(): number | null {
    if (!this.#rejoined || Date.now() - this.#rejoined.at > REJOINED_MS) return null;
    return this.#rejoined.seconds;
  }

  get #isClosed(): boolean {
    return this.#stopped.signal.aborted;
  }

  #finishIfDone(): void {
    if (this.#isClosed || this.#mode.state !== 'finishing') return;
    if (this.#dispatcher.isIdle) this.#ports.onFinished();
  }

  #receive(message: FromCoordinator, bytes: ArrayBuffer): void {
    if (message.type === 'progress') {
      const { type: _, ...standing } = message;
      return this.#ports.onStanding(standing);
    }
    if (message.type === 'map' && !this.#dispatcher.hasMap) this.statistics.beginJob();
    this.#dispatcher.receive(message, bytes);
    if (message.type !== 'map') return;
    this.#hadMap = true;
    this.#ports.onMap();
  }

  #work(): Work {
    if (this.#dispatcher.hasMap) return 'under way';
    return this.#hadMap ? 'over' : 'none';
  }

  #connection(state: Connection): void {
    this.#announced = 0;
    if (state.state === 'refused') {
      const { code, message } = state;
      const heading = strings.refusalHeadings[code];
      const failure = { message: strings.refusals[code] ?? message, details: '' };
      return this.#fail(heading ? { ...failure, heading } : failure);
    }
    if (state.state === 'open') {
      this.#rejoin();
      this.#announce();
      if (state.environment !== this.#provided.id) void this.#supply.renew();
    } else {
      if (this.#hasJoined) this.#lostAt ??= Date.now();
      this.#dispatcher.disconnected();
      this.#finishIfDone();
    }
    this.#ports.onChange();
  }

  #rejoin(): void {
    this.#hasJoined = true;
    if (this.#lostAt === undefined) return;
    const at = Date.now();
    this.#rejoined = { at, seconds: Math.ceil((at - this.#lostAt) / 1000) };
    this.#lostAt = undefined;
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
    const isTaking = this.#mode.state === 'computing' && !this.#isClosed;
    const capacity = isTaking ? this.#crew.available.length : 0;
    // A connection begins with a capacity of 0.
    if (capacity === this.#announced) return;
    this.#announced = capacity;
    this.#link.send({ type: 'capacity', capacity, environment: state.environment });
  }

  #fail(failure: Failure): void {
    if (this.#isClosed) return;
    this.#failure = failure;
    this.close();
    this.#ports.onChange();
  }
}
