// This device, as the I/O worker sees it: before Start it only asks what is wanted; between Start
// and Stop it has a session. Reports snapshots, often enough to look alive and seldom enough to
// cost nothing.
import { DownloadError, pause } from '../assets/download';
import { type Environment, fetchEnvironment, NotReadyError, sizeOf } from '../assets/environment';
import type { Snapshots } from '../assets/snapshots';
import { backoff, type Socket } from '../link/connection';
import { strings } from '../strings';
import { Session } from './session';
import type { Activity, Lookup, Snapshot } from './snapshot';

export interface DevicePorts {
  readonly fetch: typeof fetch;
  readonly dial: () => Socket;
  readonly random: () => number;
  readonly computeSource: string;
  readonly snapshots: Snapshots;
  readonly report: (snapshot: Snapshot) => void;
}

/** At most four snapshots a second, and one a second when nothing but time has passed. */
const REPORT_MS = 250;
const TICK_MS = 1_000;

export class Device {
  readonly #token: string;
  readonly #ports: DevicePorts;
  #lookup: Lookup = { state: 'asking' };
  #environment: Environment | undefined;
  #session: Session | undefined;
  #last: Activity = { state: 'stopped', tally: null };
  #wake = () => {};
  #reportTimer: ReturnType<typeof setTimeout> | undefined;
  #reportedAt = 0;

  constructor(token: string, ports: DevicePorts) {
    this.#token = token;
    this.#ports = ports;
    // For countdowns and for a chart that goes on while nothing happens.
    setInterval(() => this.#changed(), TICK_MS);
  }

  /** Asks what is wanted until it is known. */
  async look(): Promise<void> {
    for (let attempt = 1; !this.#environment; attempt++) {
      try {
        const { fetch } = this.#ports;
        this.#know(await fetchEnvironment({ fetch, token: this.#token }));
      } catch (error) {
        if (error instanceof DownloadError && error.lasting) {
          return this.#become({ state: 'refused', message: error.message });
        }
        const wait = backoff(attempt, this.#ports.random());
        const known = error instanceof NotReadyError || error instanceof DownloadError;
        const message = known ? error.message : strings.environment.unreachable;
        this.#become({ state: 'unavailable', message, until: Date.now() + wait });
        await Promise.race([pause(wait), new Promise<void>((wake) => (this.#wake = wake))]);
      }
    }
  }

  start(workers: number, frame: MessagePort): void {
    if (!this.#environment) return;
    this.#session?.close();
    this.#session = new Session(this.#token, this.#environment, workers, frame, {
      ...this.#ports,
      onChange: () => this.#changed(),
      onEnvironment: (environment) => this.#know(environment),
    });
    this.#session.begin();
  }

  resize(workers: number): void {
    this.#session?.resize(workers);
  }

  /** Waits no longer, for what is asked or for the connection. */
  retry(): void {
    this.#wake();
    this.#session?.retry();
  }

  stop(): void {
    const session = this.#session;
    this.#session = undefined;
    session?.close();
    this.#last = { state: 'stopped', tally: session?.statistics.tally() ?? null };
    this.#changed();
  }

  #know(environment: Environment): void {
    this.#environment = environment;
    const ask = {
      title: environment.title,
      python: environment.python,
      wheels: environment.wheels.map(({ name }) => name),
      bytes: sizeOf(environment),
    };
    this.#become({ state: 'known', ask });
  }

  #become(lookup: Lookup): void {
    this.#lookup = lookup;
    this.#changed();
  }

  #changed(): void {
    if (this.#reportTimer !== undefined) return;
    const wait = Math.max(0, this.#reportedAt + REPORT_MS - Date.now());
    this.#reportTimer = setTimeout(() => {
      this.#reportTimer = undefined;
      this.#reportedAt = Date.now();
      const activity = this.#session?.activity() ?? this.#last;
      this.#ports.report({ lookup: this.#lookup, activity });
    }, wait);
  }
}
