// What this device needs before it can compute: a runtime, the library's bundle and some wheels,
// as /api/environment lists them.
import type { InstallDir } from '../messages';
import { strings } from '../strings';
import { DownloadError, type Fetching, type RemoteFile, request } from './download';
import { list, record, strange, text } from './narrow';
import { sha256Hex } from './sha256';

export interface Environment {
  /** SHA-256 of the answer, as `welcome` names it. */
  readonly id: string;
  readonly title: string;
  readonly python: string;
  readonly version: string;
  readonly runtime: readonly RemoteFile[];
  readonly bundle: RemoteFile;
  readonly wheels: readonly Wheel[];
}

export interface Wheel extends RemoteFile {
  readonly installDir: InstallDir;
}

/** The owner's side is there, but cannot say yet what is needed; the message is for people. */
export class NotReadyError extends Error {
  override readonly name = 'NotReadyError';
}

/**
 * Asks the coordinator what is needed.
 *
 * @throws NotReadyError The packages cannot be had at the moment.
 * @throws DownloadError The token is wrong, no browser can help, or the answer makes no sense.
 */
export async function fetchEnvironment(fetching: Fetching): Promise<Environment> {
  const response = await request('/api/environment', fetching, 'no-store');
  const bytes = await response.arrayBuffer();
  const body = parsed(bytes);
  if (response.status === 503) throw new NotReadyError(reasonOf(body));
  const python = text(record(body)['python']);
  if (record(body)['runtime'] === null)
    throw new DownloadError(strings.environment.noRuntime(python));
  const runtime = record(record(body)['runtime']);
  return {
    id: await sha256Hex(bytes),
    title: text(record(body)['title']),
    python,
    version: text(runtime['version']),
    runtime: list(runtime['files']).map(remoteFile),
    bundle: remoteFile(record(body)['bundle']),
    wheels: list(record(body)['wheels']).map(wheel),
  };
}

/** Every file, the largest first, so that the downloads end together. */
export function filesOf(environment: Environment): readonly RemoteFile[] {
  const files = [...environment.runtime, environment.bundle, ...environment.wheels];
  return files.sort((one, other) => other.size - one.size);
}

/** The bytes that come over the network for it. */
export function sizeOf(environment: Environment): number {
  return filesOf(environment).reduce((sum, file) => sum + file.transfer, 0);
}

/** What workers that have one environment need for another. */
export type Need =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'wheels'; readonly wheels: readonly Wheel[] }
  | { readonly kind: 'everything' };

/** Compares what the workers have, if anything, with what they should have. */
export function needOf(have: Environment | undefined, want: Environment): Need {
  if (!have || have.version !== want.version) return { kind: 'everything' };
  const core = ({ runtime, bundle }: Environment) => hashes([...runtime, bundle]).join();
  if (core(have) !== core(want)) return { kind: 'everything' };
  const wanted = new Set(hashes(want.wheels));
  if (!have.wheels.every(({ sha256 }) => wanted.has(sha256))) return { kind: 'everything' };
  const there = new Set(hashes(have.wheels));
  const wheels = want.wheels.filter(({ sha256 }) => !there.has(sha256));
  return wheels.length > 0 ? { kind: 'wheels', wheels } : { kind: 'nothing' };
}

function hashes(files: readonly RemoteFile[]): readonly string[] {
  return files.map(({ sha256 }) => sha256);
}

function reasonOf(body: unknown): string {
  const reason = record(body)['error'];
  return typeof reason === 'string' ? reason : strings.environment.notReady;
}

function parsed(bytes: ArrayBuffer): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    throw strange();
  }
}

function remoteFile(value: unknown): RemoteFile {
  const { name, url, size, sha256, transfer } = record(value);
  // Paths only: the coordinator must not send this device to other hosts with its token.
  if (!/^\/(?!\/)/.test(text(url))) throw strange();
  return {
    ...{ name: text(name), url: text(url), sha256: text(sha256) },
    ...{ size: bytes(size), transfer: bytes(transfer) },
  };
}

function wheel(value: unknown): Wheel {
  const installDir = text(record(value)['install_dir']);
  if (installDir !== 'site' && installDir !== 'stdlib' && installDir !== 'dynlib') throw strange();
  return { ...remoteFile(value), installDir };
}

function bytes(value: unknown): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw strange();
  return value;
}
