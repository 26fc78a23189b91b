// The memory of an interpreter that has imported the library and seen no job, out and in again.
// What a snapshot cannot hold is done after every start: files are written anew, and what must not
// be the same twice is drawn anew.
import { withoutEmptyPages } from './pages';
import type { Pyodide } from './pyodide';
import { scope } from './scope';

/** Takes the memory out, or returns null where that fails: the interpreter goes on all the same. */
export function takeSnapshot(pyodide: Pyodide): ArrayBuffer | null {
  try {
    return withoutEmptyPages(pyodide.makeMemorySnapshot());
  } catch (error) {
    console.warn('no memory snapshot:', error);
    return null;
  } finally {
    unwrapGlobals(pyodide);
  }
}

/**
 * Gives `import js` the global object itself: while a snapshot may be made, Pyodide wraps it in a
 * proxy that remembers paths, on which many of the browser's own functions fail.
 */
function unwrapGlobals(pyodide: Pyodide): void {
  pyodide.runPython('import sys; sys.modules.pop("js", None)');
  pyodide.registerJsModule('js', scope);
}

/** Makes this interpreter's random numbers its own: those of its siblings began in one memory. */
export function renewRandomness(pyodide: Pyodide): void {
  pyodide.runPython('import random; random.seed()');
}
