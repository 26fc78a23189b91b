// What a job's code meets when it asks the browser for the network: first a fetch that answers
// from the handed-in bytes only, then nothing at all. The wall is the frame's Content Security
// Policy; this is the second one, and it gives clearer errors.
import { scope } from './scope';

const TYPES: Readonly<Record<string, string>> = {
  js: 'text/javascript',
  json: 'application/json',
  wasm: 'application/wasm',
  zip: 'application/zip',
};

/** Everything in a worker that could open a connection, start another worker or keep data. */
const FORBIDDEN = [
  'Worker',
  'SharedWorker',
  'WebSocket',
  'WebSocketStream',
  'WebTransport',
  'EventSource',
  'XMLHttpRequest',
  'fetch',
  'importScripts',
  'BroadcastChannel',
  'indexedDB',
  'caches',
  'FontFace',
  'OffscreenCanvas',
] as const;

/** Replaces `fetch` by one that knows only these files, by the last part of the address. */
export function serveFromMemory(files: ReadonlyMap<string, BodyInit>): void {
  scope.fetch = async (input) => {
    const address = input instanceof Request ? input.url : String(input);
    const name = address.slice(address.lastIndexOf('/') + 1);
    const body = files.get(name);
    if (body === undefined) throw new TypeError(`there is no network here: ${address}`);
    const type = TYPES[name.slice(name.lastIndexOf('.') + 1)] ?? 'application/octet-stream';
    return new Response(body, { headers: { 'Content-Type': type } });
  };
}

/** Lets `work` instantiate the given module where it would have compiled a download. */
export async function withCompiled<T>(module: WebAssembly.Module, work: () => Promise<T>) {
  const original = WebAssembly.instantiateStreaming;
  WebAssembly.instantiateStreaming = async (_source, imports) => ({
    module,
    instance: await WebAssembly.instantiate(module, imports),
  });
  try {
    return await work();
  } finally {
    WebAssembly.instantiateStreaming = original;
  }
}

/** Deletes the network from the global object and from everything it inherits from. */
export function removeNetwork(): void {
  for (const name of FORBIDDEN) {
    for (const holder of holders()) Reflect.deleteProperty(holder, name);
    if (name in globalThis) {
      Object.defineProperty(globalThis, name, { value: undefined, configurable: false });
    }
  }
}

/** Makes `close()`, which ends a worker without a word, say so to whoever ends it then. */
export function replaceClose(tell: () => void): void {
  for (const holder of holders()) Reflect.deleteProperty(holder, 'close');
  Object.defineProperty(globalThis, 'close', { value: tell, configurable: false });
}

/** The global object and everything it inherits from. */
function* holders(): Iterable<object> {
  let holder: object | null = globalThis;
  while (holder) {
    yield holder;
    holder = Object.getPrototypeOf(holder);
  }
}
