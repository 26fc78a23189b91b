// Writes a release's standard library with bytecode in the place of some modules, made by the
// release's own Python: to compile a module costs a browser more than to run it, and a first start
// needs more than a hundred. Bytecode of all of them would be 2 MB more for everybody to download.
import { join } from 'node:path';
import { argv, stdout } from 'node:process';
import { pathToFileURL } from 'node:url';

// Those of the start itself, of the worker's half of the library, and of NumPy and pandas. Bytecode
// of all others would be 2 MB more for everybody to download.
const COMPILE = `
import importlib.util, io, marshal, struct, sys, zipfile

# The start needs others, which are here already; these are what the library imports.
import dataclasses, datetime, decimal, fractions, inspect, json, pickle, traceback, uuid, zoneinfo

UNCHECKED = 0b01  # PEP 552: a hash of the source, which is not there to be compared

def compiled(path, source):
    code = compile(source, path, "exec", dont_inherit=True)
    head = importlib.util.MAGIC_NUMBER + struct.pack("<I", UNCHECKED)
    return head + importlib.util.source_hash(source) + marshal.dumps(code)

(library,) = (path for path in sys.path if path.endswith(".zip"))
needed = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
result = io.BytesIO()
with (
    zipfile.ZipFile(library) as source,
    zipfile.ZipFile(result, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as target,
):
    for entry in source.infolist():
        name, content = entry.filename, source.read(entry)
        if (path := f"{library}/{name}") in needed:
            name, content = f"{name}c", compiled(path, content)
        target.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
result.getvalue()
`;

// Without columns, bytecode is a fifth smaller.
const ENVIRONMENT = { HOME: '/home/pyodide', PYTHONNODEBUGRANGES: '1' };

// Two releases do not run in one process: whoever wants the zip runs this file, for its output.
const folder = argv[2];
const { loadPyodide } = await import(pathToFileURL(join(folder, 'pyodide.mjs')).href);
const pyodide = await loadPyodide({ indexURL: folder, env: ENVIRONMENT });
stdout.write(Buffer.from(pyodide.runPython(COMPILE).toJs()));
