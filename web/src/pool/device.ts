// This device, as the I/O worker sees it: before Start it only asks what is wanted; between Start
// and its end it has a session, which it steers by the volunteer's wishes and rules. Reports
// snapshots, often enough to look alive and seldom enough to cost nothing.
import { DownloadError, pause } from '../assets/download';
import { type Environment, fetchEnvironment, NotReadyError, sizeOf } from '../assets/environment';
import { fetchJob, type Job } from '../assets/job';
import { snapshotOf } from '../assets/snapshots';
import { backoff } from '../link/connection';
import { strings } from '../strings';
import { type Conditions, modeOf, type Wish } from './mode';
import { Session, type SessionPorts } from './session';
import { POWERS, type Settings, USUAL_SETTINGS } from './settings';
import type { Activity, Ask, Lookup, Snapshot, Standing } from './snapshot';

export interface DevicePorts
  extends Pick<SessionPorts, 'fetch' | 'dial' | 'name' | 'random' | 'computeSource' | 'snapshots'> {
  readonly report: (snapshot: Snapshot) => void;
}

/**
 * At most four snapshots a second while it computes, and one a second when nothing but time has
 * passed.
 */
const REPORT_MS = 250;
const TICK_MS = 1_000;
/** A tick that comes so late tells that the device has slept, or the browser has frozen the tab. */
const SLEPT_MS = 10_000;
/** How often a page that is not connected asks how the job stands. */
const JOB_MS = 15_000;

export class Device {
  readonly #token: string;
  readonly #ports: DevicePorts;
  /** Until the environment is there. */
  #lookup: Exclude<Lookup, { state: 'known' }> = { state: 'asking' };
  #environment: Environment | undefined;
  #job: Job | undefined;
  #standing: Standing | null = null;
  #session: Session | undefined;
  #settings: Settings = USUAL_SETTINGS;
  #workers = 1;
  #conditions: Conditions = { hidden: false };
  #wish: Wish = 'compute';
  #last: Activity = { state: 'stopped', tally: null };
  #wake = () => {};
  #reportTimer: ReturnType<typeof setTimeout> | undefined;
  #reportedAt = 0;
  #tickedAt = Date.now();
  #askedAt = 0;
  #hasNewMap = false;
  #starts = 0;

  constructor(token: string, ports: DevicePorts) {
    this.#token = token;
    this.#ports = ports;
    setInterval(() => this.#tick(), TICK_MS);
  }

  /** Asks what is wanted until it is known. */
  async look(): Promise<void> {
    for (let attempt = 1; !this.#environment; attempt++) {
      try {
        const { fetch } = this.#ports;
        void this.#askJob();
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

  /** Takes the volunteer's choices, and the number of workers that follows from them. */
  choose(settings: Settings, workers: number): void {
    this.#settings = settings;
    this.#workers = workers;
    this.#session?.resize(workers);
    this.#session?.setPower(POWERS[settings.power]);
    this.#steer();
  }

  observe(conditions: Conditions): void {
    const isBack = this.#conditions.hidden && !conditions.hidden;
    this.#conditions = conditions;
    if (isBack) this.#session?.wake();
    this.#steer();
  }

  start(frame: MessagePort): void {
    this.#starts += 1;
    this.#changed();
    if (!this.#environment) return;
    this.#session?.close();
    this.#wish = 'compute';
    const share = POWERS[this.#settings.power];
    this.#session = new Session(this.#token, this.#environment, this.#workers, share, frame, {
      ...this.#ports,
      onChange: () => this.#changed(),
      onEnvironment: (environment) => this.#know(environment),
      onStanding: (standing) => {
        this.#standing = standing;
        this.#changed();
      },
      onMap: () => {
        this.#hasNewMap = true;
      },
      onFinished: () => this.stop(),
    });
    this.#steer();
    this.#session.begin();
  }

  wish(wish: Wish): void {
    this.#wish = wish;
    this.#steer();
  }

  /** Waits no longer, for what is asked or for the connection. */
  retry(): void {
    this.#wake();
    this.#session?.wake();
  }

  stop(): void {
    const session = this.#session;
    if (!session) return;
    this.#session = undefined;
    session.close();
    this.#last = { state: 'stopped', tally: session.statistics.tally() };
    this.#changed();
  }

  /** Notes what came over the network besides the connection's own frames. */
  downloaded(bytes: number): void {
    this.#session?.statistics.countReceived(bytes);
  }

  #tick(): void {
    const now = Date.now();
    const hasSlept = now - this.#tickedAt > SLEPT_MS;
    this.#tickedAt = now;
    if (hasSlept) this.retry();
    if (!this.#conditions.hidden && this.#isJobDue(now)) void this.#askJob();
    this.#steer();
    // For countdowns and for a chart that goes on while nothing happens.
    this.#changed();
  }

  /** Maps may come by the dozen, and are asked for once a tick. */
  #isJobDue(now: number): boolean {
    if (this.#session) return this.#hasNewMap;
    return this.#environment !== undefined && now - this.#askedAt > JOB_MS;
  }

  #steer(): void {
    this.#session?.setMode(modeOf(this.#wish, this.#settings, this.#conditions, new Date()));
  }

  /** Asks what runs and how it stands; who does not answer is asked again later. */
  async #askJob(): Promise<void> {
    this.#askedAt = Date.now();
    this.#hasNewMap = false;
    try {
      this.#job = await fetchJob({ fetch: this.#ports.fetch, token: this.#token });
      if (!this.#session) this.#standing = standingOf(this.#job);
      this.#changed();
    } catch {
      // What is shown besides is known from the environment.
    }
  }

  #know(environment: Environment): void {
    this.#environment = environment;
    if (!this.#session) this.#ports.snapshots.expect(snapshotOf(environment));
    this.#changed();
  }

  #become(lookup: Exclude<Lookup, { state: 'known' }>): void {
    this.#lookup = lookup;
    this.#changed();
  }

  #changed(): void {
    if (this.#reportTimer !== undefined) return;
    const due = this.#session ? this.#reportedAt + REPORT_MS - Date.now() : 0;
    const report = () => {
      this.#reportTimer = undefined;
      this.#reportedAt = Date.now();
      this.#ports.report(this.#snapshot());
    };
    // A clock that was set back makes nobody wait.
    this.#reportTimer = setTimeout(report, Math.min(REPORT_MS, Math.max(0, due)));
  }

  #snapshot(): Snapshot {
    return {
      lookup: this.#environment
        ? { state: 'known', ask: askOf(this.#environment, this.#job) }
        : this.#lookup,
      standing: this.#standing,
      activity: this.#session?.activity() ?? this.#last,
      starts: this.#starts,
    };
  }
}

function askOf(environment: Environment, job: Job | undefined): Ask {
  return {
    title: environment.title,
    description: job?.description ?? '',
    python: environment.python,
    functions: job?.functions ?? [],
    wheels: environment.wheels.map(({ name }) => name),
    bytes: sizeOf(environment),
  };
}

function standingOf({ devices, progress }: Job): Standing {
  if (!progress) return { devices, done: 0, total: 0, rate: 0 };
  const { done, total, rate, remaining } = progress;
  return {
    ...{ devices, done, rate },
    ...(total !== null && { total }),
    ...(remaining !== null && { remaining }),
  };
}
