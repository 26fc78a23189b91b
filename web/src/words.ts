// Which of the strings fits a state: what the components show, decided without React.

import type { Connection } from './link/connection';
import type { Pause } from './pool/mode';
import type { Activity, Raised, Standing, Tally, WorkerView } from './pool/snapshot';
import { strings } from './strings';

export type Running = Extract<Activity, { state: 'running' }>;

export type Verb = 'start' | 'pause' | 'resume' | 'finish' | 'stop';

/** What can be done now, the likeliest first. */
export function verbsFor(activity: Activity): readonly Verb[] {
  if (activity.state !== 'running') return ['start'];
  switch (activity.mode.state) {
    case 'computing':
      return ['pause', 'finish'];
    case 'finishing':
      return ['resume', 'stop'];
    case 'paused':
      return activity.mode.pause.reason === 'wish' ? ['resume', 'finish'] : ['pause', 'finish'];
  }
}

/** The one line that says how things are; it is read aloud when it changes. */
export function headlineOf(running: Running, title: string): string {
  const { connection, download, mode, workers, work } = running;
  if (mode.state === 'paused') return strings.pauses.heading;
  const away = awayOf(connection);
  if (away) return strings.connection[away];
  if (mode.state === 'finishing') return strings.work.finishing;
  if (download.state !== 'done') return strings.work.downloading;
  if (workers.every(({ state }) => state === 'loading')) return strings.work.starting;
  switch (work) {
    case 'under way':
      return strings.work.computing(title);
    case 'over':
      return strings.work.next;
    case 'none':
      return strings.work.first;
  }
}

export function pauseText(pause: Pause): string {
  return pause.reason === 'hours' ? strings.pauses.hours(pause.from) : strings.pauses[pause.reason];
}

/** How a connection is away, also while it is tried anew. */
export function awayOf(connection: Connection): 'waiting' | 'ended' | undefined {
  const state = connection.state === 'connecting' ? connection.after : connection.state;
  return state === 'waiting' || state === 'ended' ? state : undefined;
}

/** What is to be said of a connection that is away, or nothing. */
export function awayText({ connection }: Running, now: number): string | undefined {
  if (connection.state === 'ended') return strings.work.ended;
  if (connection.state !== 'waiting') return undefined;
  const seconds = Math.max(0, Math.ceil((connection.until - now) / 1000));
  return connection.reason === 'full' ? strings.work.full(seconds) : strings.work.lost(seconds);
}

/** How the whole job stands: parts of one line. */
export function standingWords(standing: Standing, tally?: Tally): readonly string[] {
  const { done, total, remaining, rate, devices } = standing;
  return [
    total === 0 ? strings.standing.nothing : strings.standing.done(done, total),
    ...(remaining === undefined ? [] : [strings.standing.remaining(remaining)]),
    strings.standing.devices(devices),
    ...(tally && rate > 0 ? [strings.standing.share(Math.min(1, tally.steadyRate / rate))] : []),
  ];
}

export function workerWord({ state, step }: WorkerView): string {
  switch (state) {
    case 'loading':
      return strings.workers.loading(step);
    case 'replacing':
      return strings.workers.replacing(step);
    default:
      return strings.workers[state];
  }
}

/** The last line of a Python traceback: the error itself. */
export function errorLine(raised: Raised | null): string | null {
  return raised?.traceback.trimEnd().split('\n').at(-1)?.trim() || null;
}
