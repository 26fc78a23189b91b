// A few large bytes in IndexedDB. Private windows may have none, or throw when they are asked.

export interface Entry {
  readonly sha256: string;
  readonly bytes: ArrayBuffer;
}

export interface Shelf {
  has(id: string): Promise<boolean>;
  get(id: string): Promise<Entry | null>;
  /** Puts an entry in the place of all others. */
  replaceAll(id: string, entry: Entry): Promise<void>;
  clear(): Promise<void>;
}

const DATABASE = 'nitocris';
const STORE = 'snapshots';

export function openShelf(): Shelf {
  return {
    has: (id) => use('readonly', (store) => store.count(id)).then((count) => count > 0),
    get: (id) => use('readonly', (store) => store.get(id)).then(entryOf),
    replaceAll: (id, entry) =>
      use('readwrite', (store) => {
        store.clear();
        return store.put(entry, id);
      }).then(() => {}),
    clear: () => use('readwrite', (store) => store.clear()).then(() => {}),
  };
}

async function use<T>(
  mode: IDBTransactionMode,
  work: (store: IDBObjectStore) => IDBRequest<T>,
): Promise<T> {
  const database = await open();
  try {
    return await new Promise((resolve, reject) => {
      const transaction = database.transaction(STORE, mode);
      const request = work(transaction.objectStore(STORE));
      transaction.oncomplete = () => resolve(request.result);
      // A full disk shows when the transaction ends, not in a request.
      transaction.onabort = () => reject(transaction.error);
    });
  } finally {
    database.close();
  }
}

function open(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** Anything may lie there: another version of this page, or a damaged disk. */
function entryOf(value: unknown): Entry | null {
  if (typeof value !== 'object' || value === null) return null;
  const { sha256, bytes } = value as Partial<Record<keyof Entry, unknown>>;
  if (typeof sha256 !== 'string' || !(bytes instanceof ArrayBuffer)) return null;
  return { sha256, bytes };
}
