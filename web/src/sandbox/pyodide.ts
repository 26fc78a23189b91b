// Boots one Pyodide release from bytes, without a network. In what is used here the releases are
// the same. Nothing is resolved in the browser: the coordinator hands over a flat list of wheels.
import type { InstallDir, Package } from '../messages';
import { serveFromMemory, withCompiled } from './confine';
import type { Deliveries } from './deliveries';
import { scope } from './scope';
import { unzip } from './zip';

export interface PyProxy {
  destroy(): void;
}

export interface PyBytes extends PyProxy {
  getBuffer(type: 'u8'): { readonly data: Uint8Array; release(): void };
}

/** `nitocris.worker.pyodide.PyodideWorker`. */
export interface PyWorker extends PyProxy {
  receive(frame: Uint8Array, blobs: readonly Uint8Array[]): void;
  step(): PyBytes | undefined;
  raised(): string | undefined;
}

export interface Pyodide {
  readonly FS: {
    mkdirTree(path: string): void;
    writeFile(path: string, data: Uint8Array): void;
  };
  readonly _module: { readonly HEAPU8: Uint8Array };
  runPython(code: string): unknown;
  registerJsModule(name: string, module: object): void;
  makeMemorySnapshot(): Uint8Array<ArrayBuffer>;
  unpackArchive(data: ArrayBuffer, format: string, options: { extractDir: string }): void;
}

type LoadPyodide = (options: Readonly<Record<string, unknown>>) => Promise<Pyodide>;

const BUNDLE = '/nitocris-worker.zip';
/** Chromium compiles while other files are on their way, not when it is called; others ignore it. */
const COMPILE_AT_ONCE = '//# allFunctionsCalledOnLoad\n';
/** Never asked: the name only has to be an address that a URL parser takes. */
const NOWHERE = 'https://runtime.invalid/';

/** A release of which everything is here, its scripts loaded. */
export interface Release {
  readonly files: ReadonlyMap<string, BodyInit>;
  readonly interpreter: WebAssembly.Module;
}

/** Waits for the files of the release, and loads its scripts while others are on their way. */
export async function receiveRelease(deliveries: Deliveries): Promise<Release> {
  load(await deliveries.file('pyodide.js'));
  load(await deliveries.file('pyodide.asm.js'));
  const files = new Map<string, BodyInit>([['pyodide.asm.wasm', new Uint8Array()]]);
  for (const name of deliveries.names) files.set(name, await deliveries.file(name));
  return { files, interpreter: await deliveries.interpreter };
}

/** Starts the interpreter, from a snapshot of its memory if there is one. */
export async function startInterpreter(
  { files, interpreter }: Release,
  snapshot: ArrayBuffer | null,
  makesSnapshot: boolean,
): Promise<Pyodide> {
  serveFromMemory(files);
  const { loadPyodide } = globalThis as unknown as { loadPyodide: LoadPyodide };
  return withCompiled(interpreter, () =>
    loadPyodide({
      indexURL: NOWHERE,
      lockFileURL: `${NOWHERE}pyodide-lock.json`,
      // So that a set of texts has one order in all browsers, and their results can be compared.
      env: { PYTHONHASHSEED: '0' },
      ...(makesSnapshot && { _makeSnapshot: true }),
      ...(snapshot && { _loadSnapshot: snapshot }),
      stdin: () => null,
      stdout: (line: string) => console.debug(line),
      stderr: (line: string) => console.debug(line),
    }),
  );
}

/** Unpacks packages where Python, or the loader of shared libraries, looks for them. */
export async function installPackages(
  pyodide: Pyodide,
  packages: readonly Package[],
): Promise<void> {
  if (packages.length === 0) return;
  const path = (name: string) =>
    String(pyodide.runPython(`import sysconfig; sysconfig.get_path("${name}")`));
  const folders: Readonly<Record<InstallDir, string>> = {
    site: path('purelib'),
    stdlib: path('stdlib'),
    dynlib: '/usr/lib',
  };
  for (const { bytes, installDir } of packages) {
    await unpack(pyodide, bytes, folders[installDir]);
  }
  noticeNewFiles(pyodide);
}

/** Unlike `importlib.invalidate_caches()`, reads no zip anew, which for the library takes long. */
function noticeNewFiles(pyodide: Pyodide): void {
  pyodide.runPython(`
    import sys
    from importlib.machinery import FileFinder
    for finder in sys.path_importer_cache.values():
        if isinstance(finder, FileFinder):
            finder.invalidate_caches()
  `);
}

async function unpack(pyodide: Pyodide, zip: ArrayBuffer, folder: string): Promise<void> {
  try {
    const files = await unzip(zip);
    const made = new Set<string>();
    for (const { path, bytes } of files) {
      const target = `${folder}/${path}`;
      const parent = target.slice(0, target.lastIndexOf('/'));
      if (!made.has(parent)) pyodide.FS.mkdirTree(parent);
      made.add(parent);
      pyodide.FS.writeFile(target, bytes);
    }
  } catch (error) {
    // Older browsers have no inflate of their own.
    console.debug('Python unpacks:', error);
    pyodide.unpackArchive(zip, 'zip', { extractDir: folder });
  }
}

/** Imports the worker's half of the library from its zip. */
export function importLibrary(pyodide: Pyodide, bundle: ArrayBuffer): void {
  pyodide.FS.writeFile(BUNDLE, new Uint8Array(bundle));
  pyodide.runPython(`
    import sys
    if "${BUNDLE}" not in sys.path:
        sys.path.append("${BUNDLE}")
    import nitocris.worker.pyodide
  `);
}

export function makeWorker(pyodide: Pyodide): PyWorker {
  return pyodide.runPython(`
    from nitocris.worker.pyodide import PyodideWorker
    PyodideWorker()
  `) as PyWorker;
}

function load(script: ArrayBuffer): void {
  const parts = [COMPILE_AT_ONCE, script];
  const url = URL.createObjectURL(new Blob(parts, { type: 'text/javascript' }));
  scope.importScripts(url);
  URL.revokeObjectURL(url);
}
