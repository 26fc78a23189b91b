// Large bytes shared by many chunks, by their SHA-256: fetched once per device, kept while there is
// room. What falls out is fetched again, most likely from the browser's own cache.

import { strings } from '../strings';
import { DownloadError, type Fetching, pause, request } from './download';
import { sha256Hex } from './sha256';

export const CACHE_BYTES = 256 * 1024 * 1024;
const ATTEMPTS = 4;
const FIRST_WAIT_MS = 500;

export class BlobCache {
  /** In order of use: a Map iterates in order of insertion, and every use inserts anew. */
  readonly #kept = new Map<string, ArrayBuffer>();
  readonly #underway = new Map<string, Promise<ArrayBuffer>>();
  #size = 0;
  readonly #fetching: Fetching;
  readonly #limit: number;

  constructor(fetching: Fetching, limit = CACHE_BYTES) {
    this.#fetching = fetching;
    this.#limit = limit;
  }

  get size(): number {
    return this.#size;
  }

  /** Returns the bytes of these blobs, in the same order. */
  all(ids: readonly string[]): Promise<readonly ArrayBuffer[]> {
    return Promise.all(ids.map((id) => this.get(id)));
  }

  async get(id: string): Promise<ArrayBuffer> {
    const kept = this.#kept.get(id);
    if (kept) {
      this.#kept.delete(id);
      this.#kept.set(id, kept);
      return kept;
    }
    const underway = this.#underway.get(id);
    if (underway) return underway;
    const fetched = this.#fetch(id).finally(() => this.#underway.delete(id));
    this.#underway.set(id, fetched);
    return fetched;
  }

  async #fetch(id: string): Promise<ArrayBuffer> {
    const bytes = await this.#download(id);
    this.#kept.set(id, bytes);
    this.#size += bytes.byteLength;
    for (const [oldest, { byteLength }] of this.#kept) {
      if (this.#size <= this.#limit) break;
      this.#kept.delete(oldest);
      this.#size -= byteLength;
    }
    return bytes;
  }

  async #download(id: string): Promise<ArrayBuffer> {
    for (let attempt = 1; ; attempt++) {
      try {
        const cache = attempt === 1 ? 'default' : 'reload';
        const response = await request(`/blobs/${id}`, this.#fetching, cache);
        if (!response.ok) throw new TypeError(`status ${response.status}`);
        const bytes = await response.arrayBuffer();
        if ((await sha256Hex(bytes)) === id) return bytes;
        if (attempt > 1) throw new DownloadError(strings.download.mismatch(strings.download.blob));
      } catch (error) {
        if (error instanceof DownloadError || attempt === ATTEMPTS) throw error;
      }
      await pause(FIRST_WAIT_MS * 2 ** (attempt - 1), this.#fetching.signal);
    }
  }
}
