import { deflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { UnusualZipError, unzip } from '../src/sandbox/zip';

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** A zip of these files, each deflated or stored, written by the letter of the specification. */
function zipOf(files: readonly (readonly [string, string, method: number])[]): ArrayBuffer {
  const parts: Buffer[] = [];
  const entries: Buffer[] = [];
  let offset = 0;
  for (const [path, content, method] of files) {
    const data = method === 8 ? deflateRawSync(content) : Buffer.from(content);
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50);
    local.writeUInt16LE(path.length, 26);
    local.writeUInt16LE(3, 28);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50);
    entry.writeUInt16LE(method, 10);
    entry.writeUInt32LE(data.length, 20);
    entry.writeUInt32LE(content.length, 24);
    entry.writeUInt16LE(path.length, 28);
    entry.writeUInt32LE(offset, 42);
    entries.push(entry, Buffer.from(path));
    parts.push(local, Buffer.from(path), Buffer.from('ext'), data);
    offset += 30 + path.length + 3 + data.length;
  }
  const directory = Buffer.concat(entries);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50);
  end.writeUInt16LE(files.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(offset, 16);
  return new Uint8Array(Buffer.concat([...parts, directory, end])).buffer;
}

describe('unzip', () => {
  it('returns stored and deflated files by their path, and no folders', async () => {
    const long = 'numpy '.repeat(1000);

    const files = await unzip(
      zipOf([
        ['a/', '', 0],
        ['a/one.py', 'x = 1', 0],
        ['a/two.py', long, 8],
        ['empty', '', 8],
      ]),
    );

    expect(files.map(({ path, bytes }) => [path, text(bytes)])).toEqual([
      ['a/one.py', 'x = 1'],
      ['a/two.py', long],
      ['empty', ''],
    ]);
  });

  it.each([
    ['no zip', new ArrayBuffer(100)],
    ['nothing', new ArrayBuffer(0)],
    ['another compression', zipOf([['a', 'x', 12]])],
    ['a way out of its folder', zipOf([['../a', 'x', 0]])],
  ])('leaves %s to Python', async (_, zip) => {
    await expect(unzip(zip)).rejects.toBeInstanceOf(UnusualZipError);
  });
});
