// One file, whole and unchanged: read with progress, checked by its SHA-256, tried again when the
// network was at fault.
import { strings } from '../strings';
import { sha256Hex } from './sha256';

/**
 * A file as the environment lists it: `size` is that after HTTP's own decompression, `transfer`
 * what comes over the network.
 */
export interface RemoteFile {
  readonly name: string;
  readonly url: string;
  readonly size: number;
  readonly transfer: number;
  readonly sha256: string;
}

export interface Fetching {
  readonly fetch: typeof fetch;
  readonly token: string;
  readonly signal?: AbortSignal;
}

/** A download that did not come; the message is for people. */
export class DownloadError extends Error {
  override readonly name = 'DownloadError';
  /** Whether asking again later is pointless. */
  readonly lasting: boolean;

  constructor(message: string, lasting = true) {
    super(message);
    this.lasting = lasting;
  }
}

const ATTEMPTS = 5;
const FIRST_WAIT_MS = 500;

/**
 * Downloads a file.
 *
 * @param progress Told the bytes of this file so far; they fall when an attempt starts anew.
 * @throws DownloadError The file is not there, is not what it should be, or five attempts failed.
 */
export async function download(
  file: RemoteFile,
  fetching: Fetching,
  progress: (received: number) => void = () => {},
): Promise<ArrayBuffer> {
  for (let attempt = 1; ; attempt++) {
    try {
      // A copy that does not match may come from the browser's cache: ask past it.
      const cache = attempt === 1 ? 'default' : 'reload';
      const bytes = await readWhole(await request(file.url, fetching, cache), file, progress);
      if ((await sha256Hex(bytes)) === file.sha256) return bytes;
      if (attempt > 1) throw new DownloadError(strings.download.mismatch(file.name));
    } catch (error) {
      if (error instanceof DownloadError || fetching.signal?.aborted) throw error;
      if (attempt === ATTEMPTS) {
        throw new DownloadError(strings.download.failed(file.name), false);
      }
    }
    progress(0);
    await pause(FIRST_WAIT_MS * 2 ** (attempt - 1), fetching.signal);
  }
}

/** Asks for a path with the token; a refusal is final, a server's fault is worth another attempt. */
export async function request(
  url: string,
  { fetch, token, signal }: Fetching,
  cache: RequestCache = 'default',
): Promise<Response> {
  const response = await fetch(url, {
    cache,
    headers: { Authorization: `Bearer ${token}` },
    credentials: 'omit',
    redirect: 'error',
    ...(signal && { signal }),
  });
  if (response.ok || response.status === 503) return response;
  if (response.status === 429 || response.status >= 500) throw new TypeError('the server failed');
  const refused = response.status === 401 || response.status === 403;
  throw new DownloadError(strings.download.refused(response.status), refused);
}

async function readWhole(
  response: Response,
  file: RemoteFile,
  progress: (received: number) => void,
): Promise<ArrayBuffer> {
  if (!response.ok || !response.body) throw new TypeError(`status ${response.status}`);
  const bytes = new Uint8Array(file.size);
  let received = 0;
  const reader = response.body.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    if (received + part.value.length > file.size) {
      await reader.cancel();
      throw new DownloadError(strings.download.mismatch(file.name));
    }
    bytes.set(part.value, received);
    received += part.value.length;
    progress(received);
  }
  if (received < file.size) throw new TypeError('the transfer broke off');
  return bytes.buffer;
}

export function pause(wait: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, wait);
    signal?.addEventListener(
      'abort',
      () => {
        clearTimeout(timer);
        reject(signal.reason);
      },
      { once: true },
    );
  });
}
