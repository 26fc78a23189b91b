// The whole script of the sandboxed frame, pinned by its hash in the page's headers. It holds the
// downloaded bytes, starts compute workers from them and ends them. Nothing of a job runs here:
// this thread has WebRTC, which no header stops, and a compute worker has not.
import {
  type Boot,
  FRAME_READY,
  type FromFrame,
  type Packages,
  type Recipe,
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
  // Firefox and WebKit start no worker from a blob without a type.
  const url = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }));
  const worker = new Worker(url);
  workers.set(id, worker);
  worker.onerror = (event) => crashed(`${event.message} (${event.lineno}:${event.colno})`);
  equip(worker, recipe, start, port).catch((error: unknown) => crashed(String(error)));
}

async function equip(worker: Worker, recipe: Recipe, start: Start, port: MessagePort) {
  worker.postMessage(await boot(recipe, start, port), [port]);
  worker.postMessage(await packages(recipe));
}

async function boot(recipe: Recipe, start: Start, port: MessagePort): Promise<Boot> {
  const { version, runtime, bundle, snapshot } = recipe;
  const named = Object.entries(runtime)
    .filter(([name]) => name !== INTERPRETER)
    .map(async ([name, id]) => [name, await arrival(id).bytes] as const);
  return {
    version,
    interpreter: await compiled(runtime[INTERPRETER] ?? ''),
    runtime: Object.fromEntries(await Promise.all(named)),
    bundle: await arrival(bundle).bytes,
    start,
    snapshot: start === 'restored' && snapshot ? await arrival(snapshot).bytes : null,
    port,
  };
}

function packages({ wheels }: Recipe): Promise<Packages> {
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
