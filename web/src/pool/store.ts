// What the page shows and can do, without React: the last snapshot, and the commands to the device.
import type { FromDevice, ToDevice } from '../messages';
import { openFrame } from '../sandbox/frame';
import { type Choices, createChoices } from './choices';
import type { Conditions, Wish } from './mode';
import { FIRST_SNAPSHOT, type Snapshot } from './snapshot';

/** What is used of a Worker. */
export interface DeviceWorker {
  onmessage: ((event: MessageEvent) => void) | null;
  postMessage(message: ToDevice, transfer?: Transferable[]): void;
}

export interface Store {
  readonly subscribe: (listener: () => void) => () => void;
  readonly snapshot: () => Snapshot;
  readonly choices: Choices;
  observe(conditions: Conditions): void;
  start(): void;
  wish(wish: Wish): void;
  retry(): void;
  /** Ends everything at once. */
  stop(): void;
}

export function createStore(
  worker: DeviceWorker,
  token: string,
  origin: string,
  storage: Pick<Storage, 'getItem' | 'setItem'>,
  open: typeof openFrame = openFrame,
): Store {
  const listeners = new Set<() => void>();
  let current = FIRST_SNAPSHOT;
  // Opened before it is needed: it weighs nothing, and opening takes a while.
  let frame: ReturnType<typeof openFrame> | undefined = open();
  let starts = 0;
  const tell = (message: ToDevice, transfer: Transferable[] = []) =>
    worker.postMessage(message, transfer);

  function closeFrame(): void {
    frame?.close();
    frame = undefined;
  }

  worker.onmessage = ({ data }: MessageEvent<FromDevice>) => {
    current = data.snapshot;
    // One that was on its way when Start was pressed tells of the session before.
    const isLatest = starts > 0 && current.starts === starts;
    if (isLatest && current.activity.state !== 'running') closeFrame();
    for (const listener of listeners) listener();
  };
  tell({ type: 'open', token, origin });
  const choices = createChoices(storage, ({ settings, workers }) =>
    tell({ type: 'settings', settings, workers }),
  );

  return {
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    snapshot: () => current,
    choices,
    observe(conditions) {
      choices.observe(conditions);
      tell({ type: 'conditions', conditions });
    },
    start() {
      // What one session could have touched is never there for the next.
      if (starts > 0) closeFrame();
      frame ??= open();
      starts += 1;
      tell({ type: 'start', frame: frame.port }, [frame.port]);
    },
    wish: (wish) => tell({ type: 'wish', wish }),
    retry: () => tell({ type: 'retry' }),
    stop() {
      // The frame first: whatever the I/O worker is doing, the computing ends now.
      closeFrame();
      tell({ type: 'stop' });
    },
  };
}
