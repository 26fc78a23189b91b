import { describe, expect, it } from 'vitest';
import { withEmptyPages, withoutEmptyPages } from '../src/sandbox/pages';

const PAGE = 4096;

function memory(length: number, content: Readonly<Record<number, number>>): Uint8Array {
  const bytes = new Uint8Array(length);
  for (const [at, value] of Object.entries(content)) bytes[Number(at)] = value;
  return bytes;
}

describe('a memory without its empty pages', () => {
  it.each([
    ['nothing', memory(0, {})],
    ['empty pages only', memory(3 * PAGE, {})],
    ['full first and last bytes', memory(4 * PAGE, { 0: 1, [4 * PAGE - 1]: 2 })],
    [
      'the last byte of one page, the first of another',
      memory(9 * PAGE, { [PAGE - 1]: 3, [5 * PAGE]: 4 }),
    ],
    ['a last page that is not whole', memory(2 * PAGE + 7, { [2 * PAGE + 6]: 5 })],
  ])('is the same again: %s', (_what, bytes) => {
    expect(new Uint8Array(withEmptyPages(withoutEmptyPages(bytes)))).toEqual(bytes);
  });

  it('takes the room of the others', () => {
    const packed = withoutEmptyPages(memory(100 * PAGE, { [7 * PAGE]: 1, [8 * PAGE + 5]: 1 }));

    expect(packed.byteLength).toBe(2 * PAGE + 4 * Uint32Array.BYTES_PER_ELEMENT);
  });

  it('is taken from a part of a larger buffer', () => {
    const whole = memory(3 * PAGE, { [PAGE + 1]: 9 });

    const packed = withoutEmptyPages(whole.subarray(PAGE, 2 * PAGE));

    expect(new Uint8Array(withEmptyPages(packed))).toEqual(whole.slice(PAGE, 2 * PAGE));
  });
});
