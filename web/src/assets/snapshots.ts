// The memory of a started interpreter, kept in this browser for the next visit. Wherever something
// is missing, too slow, full or damaged, there is no snapshot, and workers start cold.
import type { Environment } from './environment';
import { sha256Hex } from './sha256';
import { openShelf, type Shelf } from './shelf';

/** A start from a snapshot saves seconds; whoever takes longer to find it saves nothing. */
export const LOAD_DEADLINE_MS = 2_000;
/** By then the first results are on their way, which storing must not delay. */
export const SAVE_AFTER_MS = 2_000;
/** Changes with what `withoutEmptyPages` writes. */
const FORMAT = 'pages';
/** The first release with snapshots that can be relied on. */
const FIRST_RELEASE = [0, 27] as const;

/**
 * Names the snapshot of an environment: one for each set of files and each browser, because a
 * memory fits no other. Null where the release makes none.
 */
export function snapshotOf(
  { version, runtime, bundle }: Environment,
  engine: string = navigator.userAgent,
): string | null {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const isOld = major === FIRST_RELEASE[0] && minor < FIRST_RELEASE[1];
  if (isOld) return null;
  const files = [...runtime, bundle].map(({ sha256 }) => sha256).sort();
  return [FORMAT, ...files, engine].join('\n');
}

export class Snapshots {
  readonly #shelf: Shelf;
  #isOff = false;
  #expected: { readonly id: string; readonly bytes: Promise<ArrayBuffer | null> } | undefined;

  constructor(shelf: Shelf = openShelf()) {
    this.#shelf = shelf;
  }

  /** Whether something is kept under this name, as far as can be seen without reading it. */
  async has(id: string | null): Promise<boolean> {
    if (id === null || this.#isOff) return false;
    return inTime(this.#shelf.has(id), false);
  }

  /** Begins to read what will be asked for next, if it is there. */
  expect(id: string | null): void {
    if (id === null || this.#isOff || this.#expected?.id === id) return;
    this.#expected = { id, bytes: this.#read(id).catch(() => null) };
  }

  /** Returns what was kept under this name, unchanged, or null. */
  async load(id: string | null): Promise<ArrayBuffer | null> {
    if (id === null || this.#isOff) return null;
    const expected = this.#expected?.id === id ? this.#expected.bytes : this.#read(id);
    this.#expected = undefined;
    const found = await inTime(expected, null);
    return this.#isOff ? null : found;
  }

  /** Keeps this one and no other, some time from now. */
  save(id: string, bytes: ArrayBuffer): void {
    this.#expected = undefined;
    setTimeout(() => {
      if (!this.#isOff) this.#write(id, bytes).catch(ignore);
    }, SAVE_AFTER_MS);
  }

  /** Forgets what there is, and keeps none any more as long as this page is open. */
  giveUp(): void {
    this.#isOff = true;
    this.#shelf.clear().catch(ignore);
  }

  async #read(id: string): Promise<ArrayBuffer | null> {
    const entry = await this.#shelf.get(id);
    if (entry === null) return null;
    if ((await sha256Hex(entry.bytes)) === entry.sha256) return entry.bytes;
    await this.#shelf.clear();
    return null;
  }

  async #write(id: string, bytes: ArrayBuffer): Promise<void> {
    await this.#shelf.replaceAll(id, { sha256: await sha256Hex(bytes), bytes });
  }
}

/** Waits no longer than it is worth; what fails or is late gives the other value. */
function inTime<T>(work: Promise<T>, otherwise: T): Promise<T> {
  const late = new Promise<T>((resolve) => setTimeout(resolve, LOAD_DEADLINE_MS, otherwise));
  return Promise.race([work, late]).catch(() => otherwise);
}

/** The disk is full, or this browser keeps nothing: the next visit starts cold. */
function ignore(error: unknown): void {
  console.debug('no memory snapshot is kept:', error);
}
