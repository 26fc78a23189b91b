// The whole script of the sandboxed frame, pinned by its hash in the page's headers. It holds the
// downloaded bytes, starts compute workers from them and ends them. Nothing of a job runs here:
// this thread has WebRTC, which no header stops, and a compute worker has not.
import {
  BUNDLE_FILE,
  FRAME_READY,
  type FrameToCompute,
  type FromFrame,
  type Package,
  type Recipe,
  SNAPSHOT_FILE,
  type Start,
  type ToFrame,
} from '../messages';

/** A file that is here or on its way. */
interface Arrival {
  readonly bytes: Promise<ArrayBuffer>;
  readonly keep: (bytes: ArrayBuffer) => void;
}

const INTERPRETER = 'pyodide.asm.wasm';

const files = new Map<string, Arrival>();
const modules = new Map<string, Promise<WebAssembly.Module>>();
const workers = new Map<number, Worker>();
let source = '';
/** Starts while nobody knows yet what it shall run. */
let spare: Worker | undefined;

addEventListener('message', (event) => {
  const port = event.ports[0];
  if (event.source !== parent || !port) return;
  const tell = (message: FromFrame) => port.postMessage(message);
  port.onmessage = ({ data }) => perform(data, tell);
  tell({ type: 'ready' });
});
parent.postMessage(FRAME_READY, '*');

function perform(message: ToFrame, tell: (message: FromFrame) => void) {
  switch (message.type) {
    case 'source':
      source = message.text;
      spare = fresh();
      return;
    case 'keep':
      arrival(message.id).keep(message.bytes);
      return;
    case 'drop':
      files.delete(message.id);
      modules.delete(message.id);
      return;
    case 'compile':
      // Whoever needs the module hears of a failure.
      compiled(message.id).catch(() => {});
      return;
    case 'spawn':
      return spawn(message, (details) =>
        tell({ type: 'crashed', worker: message.worker, details }),
      );
    case 'terminate':
      workers.get(message.worker)?.terminate();
      workers.delete(message.worker);
      return;
  }
}

function spawn(
  { worker: id, recipe, start, port }: Extract<ToFrame, { type: 'spawn' }>,
  crashed: (details: string) => void,
) {
  const worker = spare ?? fresh();
  spare = undefined;
  workers.set(id, worker);
  worker.onerror = (event) => crashed(`${event.message} (${event.lineno}:${event.colno})`);
  const send = (message: FrameToCompute, transfer: Transferable[] = []) =>
    worker.postMessage(message, transfer);
  const files = Object.entries(filesOf(recipe, start));
  const names = files.map(([name]) => name);
  send({ type: 'boot', version: recipe.version, start, files: names, port }, [port]);
  for (const [name, file] of files) {
    arrival(file).bytes.then((bytes) => send({ type: 'file', name, bytes }));
  }
  compiled(recipe.runtime[INTERPRETER] ?? '').then(
    (module) => send({ type: 'interpreter', module }),
    (error: unknown) => crashed(String(error)),
  );
  packagesOf(recipe).then((packages) => send({ type: 'packages', packages }));
}

function fresh(): Worker {
  // Firefox and WebKit start no worker from a blob without a type.
  return new Worker(URL.createObjectURL(new Blob([source], { type: 'text/javascript' })));
}

/** The files of a start by the names under which a compute worker knows them. */
function filesOf({ runtime, bundle, snapshot }: Recipe, start: Start): Record<string, string> {
  const { [INTERPRETER]: _compiledHere, ...others } = runtime;
  const files = { ...others, [BUNDLE_FILE]: bundle };
  return start === 'restored' && snapshot ? { ...files, [SNAPSHOT_FILE]: snapshot } : files;
}

function packagesOf({ wheels }: Recipe): Promise<readonly Package[]> {
  return Promise.all(
    wheels.map(async ({ id, installDir }) => ({ bytes: await arrival(id).bytes, installDir })),
  );
}

function arrival(id: string): Arrival {
  const known = files.get(id);
  if (known) return known;
  let keep: Arrival['keep'] = () => {};
  const bytes = new Promise<ArrayBuffer>((resolve) => {
    keep = resolve;
  });
  const fresh = { bytes, keep };
  files.set(id, fresh);
  return fresh;
}

/** Compiles the interpreter once for all compute workers of this device. */
function compiled(id: string): Promise<WebAssembly.Module> {
  const known = modules.get(id);
  if (known) return known;
  const fresh = arrival(id).bytes.then((bytes) => WebAssembly.compile(bytes));
  modules.set(id, fresh);
  return fresh;
}
