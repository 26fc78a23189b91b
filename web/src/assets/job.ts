// What the work is for and how far it is, as /api/job tells it.
import { type Fetching, request } from './download';
import { list, record, strange, text } from './narrow';

export interface Job {
  readonly title: string;
  /** Plain text by the owner, if there is any. */
  readonly description: string | null;
  /** Those of the maps that run now, the oldest first. */
  readonly functions: readonly MappedFunction[];
  readonly devices: number;
  /** Null while no map runs. */
  readonly progress: JobProgress | null;
}

export interface MappedFunction {
  readonly map: number;
  readonly name: string;
  /** As the owner wrote it; null for what has no Python source. */
  readonly source: string | null;
}

export interface JobProgress {
  readonly done: number;
  readonly total: number | null;
  /** Items per second of all workers together. */
  readonly rate: number;
  /** Seconds. */
  readonly remaining: number | null;
}

/**
 * Asks the coordinator what the work is.
 *
 * @throws DownloadError The token is wrong, or the answer makes no sense.
 */
export async function fetchJob(fetching: Fetching): Promise<Job> {
  const response = await request('/api/job', fetching, 'no-store');
  const job = record(await parsed(response));
  return {
    title: text(job['title']),
    description: nullable(text, job['description']),
    functions: list(job['functions']).map(mappedFunction),
    devices: amount(job['devices']),
    progress: nullable(progress, job['progress']),
  };
}

function mappedFunction(value: unknown): MappedFunction {
  const { map, name, source } = record(value);
  return { map: amount(map), name: text(name), source: nullable(text, source) };
}

function progress(value: unknown): JobProgress {
  const { done, total, rate, remaining } = record(value);
  return {
    done: amount(done),
    total: nullable(amount, total),
    rate: amount(rate),
    remaining: nullable(amount, remaining),
  };
}

async function parsed(response: Response): Promise<unknown> {
  const body = await response.text();
  try {
    return JSON.parse(body);
  } catch {
    throw strange();
  }
}

function nullable<T>(read: (value: unknown) => T, value: unknown): T | null {
  return value === null ? null : read(value);
}

function amount(value: unknown): number {
  if (typeof value !== 'number' || value < 0) throw strange();
  return value;
}
