// Puts the three Pyodide releases into the page: every file gzipped once, with an index of the
// sizes and hashes of the plain bytes. Done again only when a release in package.json or one of the
// scripts changes.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';

const WEB = resolve(import.meta.dirname, '..');
const OUTPUT = resolve(WEB, '../src/nitocris/_page/runtime');
const INDEX = join(OUTPUT, 'index.json');
const COMPILER = join(import.meta.dirname, 'stdlib.mjs');
const SCRIPTS = [import.meta.filename, COMPILER];
const PYTHONS = ['3.11', '3.12', '3.13'];
const LOCK = 'pyodide-lock.json';
const LIBRARY = 'python_stdlib.zip';
const FILES = ['pyodide.js', 'pyodide.asm.js', 'pyodide.asm.wasm', LIBRARY, LOCK];
// The whole list, in which the coordinator finds packages; no device needs it: not in the index.
const PACKAGES = 'packages.json';

const installed = (python) => join(WEB, 'node_modules', `pyodide-${python}`);
const version = (python) =>
  JSON.parse(readFileSync(join(installed(python), 'package.json'), 'utf8')).version;

/**
 * Reads a file of a release. Its list of packages is emptied: the coordinator hands over wheels,
 * nothing is resolved in the browser, and each release wants its own versions in that file.
 */
function read(python, name) {
  if (name === LIBRARY) return compiledLibrary(python);
  const bytes = readFileSync(join(installed(python), name === PACKAGES ? LOCK : name));
  if (name !== LOCK) return bytes;
  const { info } = JSON.parse(bytes.toString());
  return Buffer.from(JSON.stringify({ info, packages: {} }));
}

/** Two releases do not run in one process. */
function compiledLibrary(python) {
  const options = { maxBuffer: 64 * 1024 * 1024 };
  return execFileSync(process.execPath, [COMPILER, `${installed(python)}/`], options);
}

function isUpToDate() {
  if (!existsSync(INDEX)) return false;
  const made = statSync(INDEX).mtimeMs;
  if (SCRIPTS.some((script) => statSync(script).mtimeMs > made)) return false;
  const index = JSON.parse(readFileSync(INDEX, 'utf8'));
  return PYTHONS.every(
    (python) =>
      index[python]?.version === version(python) &&
      [...FILES, PACKAGES].every((name) => existsSync(join(OUTPUT, version(python), `${name}.gz`))),
  );
}

function write(python, name) {
  const bytes = read(python, name);
  const compressed = gzipSync(bytes, { level: 9 });
  writeFileSync(join(OUTPUT, version(python), `${name}.gz`), compressed);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return { name, size: bytes.length, sha256, transfer: compressed.length };
}

if (isUpToDate()) {
  console.log('runtimes: up to date');
} else {
  rmSync(OUTPUT, { recursive: true, force: true });
  const index = {};
  for (const python of PYTHONS) {
    mkdirSync(join(OUTPUT, version(python)), { recursive: true });
    const files = FILES.map((name) => write(python, name));
    write(python, PACKAGES);
    index[python] = { version: version(python), files };
    console.log(`runtimes: ${python} is Pyodide ${version(python)}`);
  }
  // Written last: an interrupted run leaves no index and is done again.
  writeFileSync(INDEX, `${JSON.stringify(index, null, 1)}\n`);
}
