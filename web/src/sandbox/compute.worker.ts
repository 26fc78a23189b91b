// The script of a compute worker: start Python from the handed-in bytes, then answer chunks. It
// runs the owner's code, so whoever listens to its port checks what comes out of it.
import type { FrameToCompute, FromCompute, StepName, ToCompute } from '../messages';
import { BUNDLE_FILE, SNAPSHOT_FILE } from '../messages';
import { removeNetwork, replaceClose } from './confine';
import { storyOf } from './death';
import { Deliveries } from './deliveries';
import { withEmptyPages } from './pages';
import {
  importLibrary,
  installPackages,
  makeWorker,
  type PyBytes,
  type Pyodide,
  type PyWorker,
  receiveRelease,
  startInterpreter,
} from './pyodide';
import { scope } from './scope';
import { renewRandomness, takeSnapshot } from './snapshot';

/** Messages are read about this often, so that a cancelled chunk can end early. */
const LISTEN_AFTER_MS = 50;
/** The longest rest between two results: leases expire that are not heard of. */
const LONGEST_REST_MS = 60_000;

const CLOSED = 'the interpreter died: the function closed its Web Worker';

type Boot = Extract<FrameToCompute, { type: 'boot' }>;

let deliveries: Deliveries | undefined;

scope.onmessage = ({ data }) => {
  const message = data as FrameToCompute;
  if (message.type !== 'boot') return deliveries?.take(message);
  deliveries = new Deliveries(message.files);
  start(message, deliveries).catch((error: unknown) =>
    tell(message.port, { type: 'broken', details: storyOf(error) }),
  );
};

async function start({ port, start }: Boot, deliveries: Deliveries): Promise<void> {
  const step = (name: StepName) => tell(port, { type: 'step', name });
  step('files');
  const release = await receiveRelease(deliveries);
  const snapshot =
    start === 'restored' ? withEmptyPages(await deliveries.file(SNAPSHOT_FILE)) : null;
  step('interpreter');
  const pyodide = await startInterpreter(release, snapshot, start === 'making');
  step('library');
  importLibrary(pyodide, await deliveries.file(BUNDLE_FILE));
  if (start === 'making') {
    const bytes = takeSnapshot(pyodide);
    tell(port, { type: 'snapshot', bytes }, bytes ? [bytes] : []);
  }
  if (snapshot) renewRandomness(pyodide);
  step('wheels');
  const packages = await deliveries.packages;
  step('packages');
  await installPackages(pyodide, packages);
  step('confinement');
  scope.onmessage = null;
  removeNetwork();
  replaceClose(() => tell(port, { type: 'broken', details: CLOSED }));
  serve(port, pyodide, makeWorker(pyodide));
  tell(port, { type: 'ready' });
}

type Task = Exclude<ToCompute, { type: 'abandon' | 'power' }>;

function serve(port: MessagePort, pyodide: Pyodide, worker: PyWorker): void {
  const waiting: Task[] = [];
  let busy = false;
  let abandoned = false;
  let share = 1;
  let wake = () => {};

  async function compute(): Promise<void> {
    abandoned = false;
    let listened = performance.now();
    let worked = 0;
    while (!abandoned) {
      const began = performance.now();
      const bytes = worker.step();
      const spent = performance.now() - began;
      worked += spent;
      if (bytes === undefined) break;
      const frame = taken(bytes);
      tell(port, { type: 'result', frame, raised: worker.raised() ?? null }, [frame]);
      if (share < 1) await rest(spent * (1 / share - 1));
      else if (performance.now() - listened >= LISTEN_AFTER_MS) await rest(0);
      else continue;
      listened = performance.now();
    }
    tell(port, { type: 'done', heap: pyodide._module.HEAPU8.length, worked });
  }

  /** Leaves the processor alone, and hears what has come meanwhile. */
  function rest(wanted: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, Math.min(wanted, LONGEST_REST_MS));
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async function work(): Promise<void> {
    if (busy) return;
    busy = true;
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      if (next.type === 'install') {
        await installPackages(pyodide, next.packages);
        continue;
      }
      worker.receive(bytesOf(next.frame), next.blobs.map(bytesOf));
      if (next.type === 'compute') await compute();
    }
    busy = false;
  }

  port.onmessage = ({ data }: MessageEvent<ToCompute>) => {
    switch (data.type) {
      case 'abandon':
        abandoned = true;
        wake();
        break;
      case 'power':
        share = data.share;
        wake();
        break;
      default:
        waiting.push(data);
    }
    work().catch((error: unknown) => tell(port, { type: 'broken', details: storyOf(error) }));
  };
}

function bytesOf(buffer: ArrayBuffer): Uint8Array {
  return new Uint8Array(buffer);
}

/** Copies Python's bytes out of the interpreter's memory and lets go of them. */
function taken(bytes: PyBytes): ArrayBuffer {
  const view = bytes.getBuffer('u8');
  const copy = new Uint8Array(view.data);
  view.release();
  bytes.destroy();
  return copy.buffer;
}

function tell(port: MessagePort, message: FromCompute, transfer: Transferable[] = []): void {
  port.postMessage(message, transfer);
}
