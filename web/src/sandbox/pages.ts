// A memory without its empty pages, which are almost half of a young interpreter's: what is kept on
// the disk and copied between threads is smaller by them.
//
//     bytes in all | number of pages | their places, in pages | the pages
//
// Numbers have 32 bits and the order of this machine: snapshots never leave their browser.

const PAGE_BYTES = 4096;
const NUMBER_BYTES = Uint32Array.BYTES_PER_ELEMENT;
const FIXED_NUMBERS = 2;

/** Returns the pages that have something in them. */
export function withoutEmptyPages(memory: Uint8Array): ArrayBuffer {
  const full: number[] = [];
  for (let at = 0; at < memory.length; at += PAGE_BYTES) {
    if (memory.subarray(at, at + PAGE_BYTES).some((byte) => byte !== 0)) full.push(at / PAGE_BYTES);
  }
  const head = Uint32Array.of(memory.length, full.length, ...full);
  const packed = new Uint8Array(head.byteLength + full.length * PAGE_BYTES);
  packed.set(new Uint8Array(head.buffer));
  full.forEach((page, index) => {
    const content = memory.subarray(page * PAGE_BYTES, (page + 1) * PAGE_BYTES);
    packed.set(content, head.byteLength + index * PAGE_BYTES);
  });
  return packed.buffer;
}

/** Returns the memory that these pages were taken from. */
export function withEmptyPages(packed: ArrayBuffer): ArrayBuffer {
  const [length = 0, count = 0] = new Uint32Array(packed, 0, FIXED_NUMBERS);
  const places = new Uint32Array(packed, FIXED_NUMBERS * NUMBER_BYTES, count);
  const start = (FIXED_NUMBERS + count) * NUMBER_BYTES;
  const memory = new Uint8Array(length);
  places.forEach((page, index) => {
    const at = page * PAGE_BYTES;
    const size = Math.min(PAGE_BYTES, length - at);
    memory.set(new Uint8Array(packed, start + index * PAGE_BYTES, size), at);
  });
  return memory.buffer;
}
