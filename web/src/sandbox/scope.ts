// What a dedicated worker's global offers and the DOM's types do not: TypeScript has one library
// for windows and one for workers, and this project compiles both kinds of file at once.

export interface WorkerScope {
  postMessage(message: unknown, transfer?: Transferable[]): void;
  importScripts(...urls: string[]): void;
  onmessage: ((event: MessageEvent<unknown>) => void) | null;
  fetch: typeof fetch;
}

export const scope = globalThis as unknown as WorkerScope;
