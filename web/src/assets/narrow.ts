// Narrows what the coordinator answers; whatever makes no sense is one error, for people.
import { strings } from '../strings';
import { DownloadError } from './download';

export function record(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) throw strange();
  return value as Readonly<Record<string, unknown>>;
}

export function list(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw strange();
  return value;
}

export function text(value: unknown): string {
  if (typeof value !== 'string') throw strange();
  return value;
}

export function strange(): DownloadError {
  return new DownloadError(strings.environment.strange);
}
