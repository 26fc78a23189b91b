// How interpreters die, in words that the owner reads: Pyodide and the browser say where, seldom
// what happened.

const CAUSES: readonly (readonly [RegExp, (...found: string[]) => string])[] = [
  [/exit\((-?\d+)\)/, (_, status) => `it was told to exit with status ${status}`],
  [/call stack|too much recursion/i, () => 'its stack overflowed'],
  [/out of memory|allocat/i, () => 'it ran out of memory'],
  [/aborted/i, () => 'it aborted'],
  [/out of bounds|unreachable|null function|signature/i, () => 'its memory is damaged'],
];

/** Returns an error's whole story, with what it means on top when Python did not survive it. */
export function storyOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const whole = error.stack ?? `${error.name}: ${error.message}`;
  return isFatal(error) ? `the interpreter died: ${causeOf(error)} (${whole})` : whole;
}

function isFatal(error: Error): boolean {
  const { pyodide_fatal_error: marked } = error as { pyodide_fatal_error?: unknown };
  return marked === true || error instanceof WebAssembly.RuntimeError;
}

function causeOf({ message }: Error): string {
  for (const [pattern, say] of CAUSES) {
    const found = pattern.exec(message);
    if (found) return say(...found);
  }
  return 'of a fatal error';
}
