// The sandboxed frame as the I/O worker sees it: a port that answers once the sandbox is open.
import { DownloadError } from '../assets/download';
import type { FromFrame, ToFrame } from '../messages';
import { never } from '../messages';
import { FRAME_DEADLINE_MS } from '../sandbox/steps';
import { strings } from '../strings';

export class Sandbox {
  /** Rejected with a DownloadError when the sandbox does not open. */
  readonly ready: Promise<void>;
  readonly #port: MessagePort;
  #deadline: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param source The script of the compute workers.
   * @param onCrashed Told what the frame heard of a compute worker's error.
   */
  constructor(
    port: MessagePort,
    source: string,
    onCrashed: (worker: number, details: string) => void,
  ) {
    this.#port = port;
    this.ready = new Promise((resolve, reject) => {
      const late = () => reject(new DownloadError(strings.failures.frame));
      this.#deadline = setTimeout(late, FRAME_DEADLINE_MS);
      port.onmessage = ({ data }: MessageEvent<FromFrame>) => {
        switch (data.type) {
          case 'ready':
            clearTimeout(this.#deadline);
            this.tell({ type: 'source', text: source });
            return resolve();
          case 'crashed':
            return onCrashed(data.worker, data.details);
          default:
            return never(data);
        }
      };
    });
  }

  readonly tell = (message: ToFrame, transfer: Transferable[] = []): void => {
    this.#port.postMessage(message, transfer);
  };

  close(): void {
    clearTimeout(this.#deadline);
    this.#port.close();
  }
}
