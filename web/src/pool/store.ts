// What the page shows and can do, without React: the last snapshot, and the commands to the device.
import type { FromDevice, ToDevice } from '../messages';
import { openFrame } from '../sandbox/frame';
import { FIRST_SNAPSHOT, type Snapshot } from './snapshot';

/** What is used of a Worker. */
export interface DeviceWorker {
  onmessage: ((event: MessageEvent) => void) | null;
  postMessage(message: ToDevice, transfer?: Transferable[]): void;
}

export interface Store {
  readonly subscribe: (listener: () => void) => () => void;
  readonly snapshot: () => Snapshot;
  start(workers: number): void;
  resize(workers: number): void;
  retry(): void;
  stop(): void;
}

export function createStore(
  worker: DeviceWorker,
  token: string,
  origin: string,
  open: typeof openFrame = openFrame,
): Store {
  const listeners = new Set<() => void>();
  let current = FIRST_SNAPSHOT;
  let frame: ReturnType<typeof openFrame> | undefined;
  const tell = (message: ToDevice, transfer: Transferable[] = []) =>
    worker.postMessage(message, transfer);

  function closeFrame(): void {
    frame?.close();
    frame = undefined;
  }

  worker.onmessage = ({ data }: MessageEvent<FromDevice>) => {
    current = data.snapshot;
    if (current.activity.state === 'failed') closeFrame();
    for (const listener of listeners) listener();
  };
  tell({ type: 'open', token, origin });

  return {
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    snapshot: () => current,
    start(workers) {
      closeFrame();
      frame = open();
      tell({ type: 'start', workers, frame: frame.port }, [frame.port]);
    },
    resize: (workers) => tell({ type: 'resize', workers }),
    retry: () => tell({ type: 'retry' }),
    stop() {
      // The frame first: whatever the I/O worker is doing, the computing ends now.
      closeFrame();
      tell({ type: 'stop' });
    },
  };
}
