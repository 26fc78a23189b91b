// Boots one Pyodide release from bytes, without a network. In what is used here the releases are
// the same. Nothing is resolved in the browser: the coordinator hands over a flat list of wheels.
import type { Boot, InstallDir, Package } from '../messages';
import { serveFromMemory, withCompiled } from './confine';
import { scope } from './scope';

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
}

export interface Pyodide {
  readonly FS: { writeFile(path: string, data: Uint8Array): void };
  readonly _module: { readonly HEAPU8: Uint8Array };
  runPython(code: string): unknown;
  registerJsModule(name: string, module: object): void;
  makeMemorySnapshot(): Uint8Array<ArrayBuffer>;
  unpackArchive(data: ArrayBuffer, format: string, options: { extractDir: string }): void;
}

type LoadPyodide = (options: Readonly<Record<string, unknown>>) => Promise<Pyodide>;

const BUNDLE = '/nitocris-worker.zip';
/** Never asked: the name only has to be an address that a URL parser takes. */
const NOWHERE = 'https://runtime.invalid/';

/** Starts the interpreter of the handed-in release. */
export async function startInterpreter(boot: Boot): Promise<Pyodide> {
  const files = new Map<string, BodyInit>(Object.entries(boot.runtime));
  files.set('pyodide.asm.wasm', new Uint8Array());
  serveFromMemory(files);
  load(boot, 'pyodide.js');
  load(boot, 'pyodide.asm.js');
  const { loadPyodide } = globalThis as unknown as { loadPyodide: LoadPyodide };
  return withCompiled(boot.interpreter, () =>
    loadPyodide({
      indexURL: NOWHERE,
      lockFileURL: `${NOWHERE}pyodide-lock.json`,
      ...(boot.start === 'making' && { _makeSnapshot: true }),
      ...(boot.snapshot && { _loadSnapshot: boot.snapshot }),
      stdin: () => null,
      stdout: (line: string) => console.debug(line),
      stderr: (line: string) => console.debug(line),
    }),
  );
}

/** Unpacks packages where Python, or the loader of shared libraries, looks for them. */
export function installPackages(pyodide: Pyodide, packages: readonly Package[]): void {
  if (packages.length === 0) return;
  const path = (name: string) =>
    String(pyodide.runPython(`import sysconfig; sysconfig.get_path("${name}")`));
  const folders: Readonly<Record<InstallDir, string>> = {
    site: path('purelib'),
    stdlib: path('stdlib'),
    dynlib: '/usr/lib',
  };
  for (const { bytes, installDir } of packages) {
    pyodide.unpackArchive(bytes, 'zip', { extractDir: folders[installDir] });
  }
  pyodide.runPython('import importlib; importlib.invalidate_caches()');
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

function load(boot: Boot, name: string): void {
  const bytes = boot.runtime[name];
  if (!bytes) throw new Error(`the release ${boot.version} came without ${name}`);
  const url = URL.createObjectURL(new Blob([bytes], { type: 'text/javascript' }));
  scope.importScripts(url);
  URL.revokeObjectURL(url);
}
