// What /api/stats and /api/link tell: the fields of the library's Stats, narrowed.
// Times are in seconds, sizes in bytes.
import { list, record, strange, text } from '../assets/narrow';

export interface Stats {
  readonly title: string;
  /** Since the server started. */
  readonly running: number;
  readonly capacity: number;
  /** Of all maps since the server started. */
  readonly done: number;
  /** Items per second in the last minute. */
  readonly rate: number;
  readonly remaining: number | null;
  readonly retries: number;
  readonly sent: number;
  readonly received: number;
  readonly maps: readonly MapStats[];
  readonly workers: readonly WorkerStats[];
  readonly errors: readonly ErrorGroup[];
  /** All devices, also those that have no entry in `workers`. */
  readonly connected: Readonly<Record<Kind, number>>;
  readonly moreMaps: number;
  readonly moreErrors: number;
}

export type Kind = 'browser' | 'native';

export interface MapStats {
  readonly number: number;
  readonly function: string;
  readonly done: number;
  readonly failed: number;
  readonly total: number | null;
}

export interface WorkerStats {
  readonly number: number;
  readonly kind: Kind;
  readonly name: string | null;
  readonly address: string | null;
  readonly capacity: number;
  readonly leases: number;
  readonly items: number;
  readonly rate: number;
  readonly failures: number;
  readonly chunkSize: number | null;
  readonly roundTrip: number | null;
  readonly silent: number;
}

export interface ErrorGroup {
  readonly error: string;
  readonly count: number;
  readonly map: number;
  readonly index: number;
  readonly worker: string;
  readonly traceback: string;
}

/** The volunteers' link; null where none are admitted. */
export interface Link {
  readonly url: string;
  /** A picture as a data URL. */
  readonly qr: string;
}

/** @throws DownloadError The answer makes no sense. */
export function readStats(value: unknown): Stats {
  const stats = record(value);
  const connected = record(stats['connected']);
  return {
    title: text(stats['title']),
    running: amount(stats['running']),
    capacity: amount(stats['capacity']),
    done: amount(stats['done']),
    rate: amount(stats['rate']),
    remaining: nullable(amount, stats['remaining']),
    retries: amount(stats['retries']),
    sent: amount(stats['bytes_sent']),
    received: amount(stats['bytes_received']),
    maps: list(stats['maps']).map(readMap),
    workers: list(stats['workers']).map(readWorker),
    errors: list(stats['errors']).map(readErrors),
    connected: { browser: amount(connected['browser']), native: amount(connected['native']) },
    moreMaps: amount(stats['more_maps']),
    moreErrors: amount(stats['more_errors']),
  };
}

/** @throws DownloadError The answer makes no sense. */
export function readLink(value: unknown): Link | null {
  const { url, qr } = record(value);
  return url === null ? null : { url: text(url), qr: text(qr) };
}

function readMap(value: unknown): MapStats {
  const map = record(value);
  return {
    number: amount(map['number']),
    function: text(map['function']),
    done: amount(map['done']),
    failed: amount(map['failed']),
    total: nullable(amount, map['total']),
  };
}

function readWorker(value: unknown): WorkerStats {
  const worker = record(value);
  return {
    number: amount(worker['number']),
    kind: kind(worker['kind']),
    name: nullable(text, worker['name']),
    address: nullable(text, worker['address']),
    capacity: amount(worker['capacity']),
    leases: amount(worker['leases']),
    items: amount(worker['items']),
    rate: amount(worker['rate']),
    failures: amount(worker['failures']),
    chunkSize: nullable(amount, worker['chunk_size']),
    roundTrip: nullable(amount, worker['round_trip']),
    silent: amount(worker['silent']),
  };
}

function readErrors(value: unknown): ErrorGroup {
  const group = record(value);
  return {
    error: text(group['error']),
    count: amount(group['count']),
    map: amount(group['map']),
    index: amount(group['index']),
    worker: text(group['worker']),
    traceback: text(group['traceback']),
  };
}

function kind(value: unknown): Kind {
  if (value !== 'browser' && value !== 'native') throw strange();
  return value;
}

function nullable<T>(read: (value: unknown) => T, value: unknown): T | null {
  return value === null ? null : read(value);
}

function amount(value: unknown): number {
  if (typeof value !== 'number' || value < 0) throw strange();
  return value;
}
