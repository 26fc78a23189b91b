import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import {
  answerHeader,
  decodeFrame,
  encodeFrame,
  FrameError,
  type FromWorker,
  fromCoordinator,
} from '../src/link/frames';

const GOLDEN = join(import.meta.dirname, '../../tests/golden');

interface Golden {
  readonly header: Readonly<Record<string, unknown>>;
  readonly payload_hex: string;
}

function golden(): readonly [name: string, golden: Golden, frame: ArrayBuffer][] {
  if (!existsSync(GOLDEN)) return [];
  const names = readdirSync(GOLDEN).filter((name) => name.endsWith('.bin'));
  return names.map((file) => {
    const name = file.slice(0, -'.bin'.length);
    const described = JSON.parse(readFileSync(join(GOLDEN, `${name}.json`), 'utf8')) as Golden;
    return [name, described, new Uint8Array(readFileSync(join(GOLDEN, file))).buffer];
  });
}

const FROM_PAGE = [
  'hello_browser',
  'capacity_browser',
  'result',
  'result_partial',
  'result_raised',
  'output',
  'failed',
  'cancelled',
  'returned',
  'ping',
  'ping_measured',
];
const INWARDS = new Set([
  'welcome',
  'refused',
  'environment',
  'map',
  'chunk',
  'cancel',
  'forget',
  'progress',
]);

describe('golden frames, which the Python tests read too', () => {
  const all = golden();

  it('are there', () => {
    expect(all.map(([name]) => name)).toEqual(expect.arrayContaining(FROM_PAGE));
  });

  test.each(all)('%s is read as Python wrote it', (_name, { header, payload_hex }, frame) => {
    const decoded = decodeFrame(frame);

    expect(decoded.header).toEqual(header);
    expect(Buffer.from(decoded.payload).toString('hex')).toBe(payload_hex);
  });

  test.each(all.filter(([name]) => FROM_PAGE.includes(name)))(
    '%s is written to the same bytes',
    (_name, { header, payload_hex }, frame) => {
      const payload = new Uint8Array(Buffer.from(payload_hex, 'hex'));

      const encoded = encodeFrame(header as unknown as FromWorker, payload);

      expect(Buffer.from(encoded).toString('hex')).toBe(Buffer.from(frame).toString('hex'));
    },
  );

  test.each(all.filter(([, { header }]) => INWARDS.has(String(header['type']))))(
    '%s is understood',
    (_name, { header }) => {
      const message = fromCoordinator(header);

      expect(header).toMatchObject({ ...message });
      if (message.type === 'progress') expect(message).toEqual(header);
    },
  );
});

describe('frames that are none', () => {
  const text = (body: string) => {
    const bytes = new TextEncoder().encode(body);
    const frame = new Uint8Array(Math.ceil((4 + bytes.length) / 8) * 8);
    new DataView(frame.buffer).setUint32(0, bytes.length, true);
    frame.set(bytes, 4);
    return frame.buffer;
  };

  test.each([
    ['nothing', new ArrayBuffer(0)],
    ['a length beyond the end', new Uint8Array([255, 255, 0, 0, 123]).buffer],
    ['no JSON', text('{"type"')],
  ])('%s is refused', (_name, frame) => {
    expect(() => decodeFrame(frame)).toThrow(FrameError);
  });

  test.each([
    ['a list', []],
    ['null', null],
    ['an unknown type', { type: 'shutdown' }],
    ['a missing field', { type: 'cancel' }],
    ['a negative lease', { type: 'cancel', lease: -1 }],
    ['a fraction', { type: 'forget', map: 1.5 }],
    ['blobs that are no texts', { type: 'map', map: 1, blobs: [1] }],
    ['a negative rate', { type: 'progress', devices: 1, done: 0, rate: -0.5 }],
    ['a rate in words', { type: 'progress', devices: 1, done: 0, rate: '2' }],
    ['a total of null', { type: 'progress', devices: 1, done: 0, rate: 0, total: null }],
    [
      'a chunk of the first version',
      { type: 'chunk', lease: 1, map: 1, items: 4, skip: 0, blobs: [] },
    ],
  ])('a header that is %s is refused', (_name, header) => {
    expect(() => fromCoordinator(header)).toThrow(FrameError);
  });

  it('lets nothing but answers out of a compute worker', () => {
    expect(() => answerHeader({ type: 'hello', protocol: 5, token: 'x' })).toThrow(FrameError);
    const counts = { lease: 1, offset: 0, count: 2, raised: 1, final: true };
    const header = { type: 'result', ...counts, seconds: 0.5, slowest: [[1, 0.4]] };
    expect(answerHeader({ ...header, more: 'secrets' })).toEqual(header);
    const output = { type: 'output', lease: 1, dropped: 2 };
    expect(answerHeader({ ...output, more: 'secrets' })).toEqual(output);
    expect(() => answerHeader({ ...header, slowest: [['secrets', 1]] })).toThrow(FrameError);
  });
});
