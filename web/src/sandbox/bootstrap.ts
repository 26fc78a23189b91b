// The whole script of the sandboxed frame, pinned by its hash in the page's headers. It holds the
// downloaded bytes, starts compute workers from them and ends them. Nothing of a job runs here:
// this thread has WebRTC, which no header stops, and a compute worker has not.
import { type Boot, FRAME_READY, type FromFrame, type Recipe, type ToFrame } from '../messages';

const files = new Map<string, ArrayBuffer>();
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
      files.set(message.id, message.bytes);
      return;
    case 'drop':
      files.delete(message.id);
      modules.delete(message.id);
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
  { worker: id, recipe, port }: Extract<ToFrame, { type: 'spawn' }>,
  crashed: (details: string) => void,
) {
  // Firefox and WebKit start no worker from a blob without a type.
  const url = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }));
  const worker = new Worker(url);
  workers.set(id, worker);
  worker.onerror = (event) => crashed(`${event.message} (${event.lineno}:${event.colno})`);
  boot(recipe, port).then(
    (message) => worker.postMessage(message, [port]),
    (error: unknown) => crashed(String(error)),
  );
}

async function boot(recipe: Recipe, port: MessagePort): Promise<Boot> {
  const { version, runtime, wheels, bundle } = recipe;
  const named = Object.entries(runtime).map(([name, id]) => [name, file(id)] as const);
  return {
    version,
    interpreter: await compiled(runtime['pyodide.asm.wasm'] ?? ''),
    runtime: Object.fromEntries(named.filter(([name]) => name !== 'pyodide.asm.wasm')),
    packages: wheels.map(({ id, installDir }) => ({ bytes: file(id), installDir })),
    bundle: file(bundle),
    port,
  };
}

function file(id: string): ArrayBuffer {
  const bytes = files.get(id);
  if (!bytes) throw new Error(`the frame does not hold ${id}`);
  return bytes;
}

/** Compiles the interpreter once for all compute workers of this device. */
function compiled(id: string): Promise<WebAssembly.Module> {
  const known = modules.get(id);
  if (known) return known;
  const fresh = WebAssembly.compile(file(id));
  modules.set(id, fresh);
  return fresh;
}
