import { createHash } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import { BlobCache } from '../src/assets/blobs';
import { fakeFetch, settled, useVirtualTime } from './fakes';

const hash = (body: string) => createHash('sha256').update(body).digest('hex');
const [A, B, C] = ['aaaa', 'bbbb', 'cccc'] as const;

function setUp(limit = 8) {
  const paths = [A, B, C].map((body) => [`/blobs/${hash(body)}`, { body }] as const);
  const { fetch, asked } = fakeFetch(Object.fromEntries(paths));
  return { cache: new BlobCache({ fetch, token: 't' }, limit), asked };
}

beforeEach(() => {
  useVirtualTime();
});

describe('the blob cache', () => {
  it('fetches a blob once, however many ask at once', async () => {
    const { cache, asked } = setUp();

    const [one, [other]] = await Promise.all([cache.get(hash(A)), cache.all([hash(A)])]);

    expect(one).toBe(other);
    expect(asked).toHaveLength(1);
  });

  it('keeps within its limit by dropping what was used longest ago', async () => {
    const { cache, asked } = setUp(8);
    await cache.get(hash(A));
    await cache.get(hash(B));
    await cache.get(hash(A));

    await cache.get(hash(C));
    await cache.get(hash(A));
    await cache.get(hash(B));

    expect(cache.size).toBeLessThanOrEqual(8);
    const order = [A, B, C, B].map((body) => `/blobs/${hash(body)}`);
    expect(asked.map(({ path }) => path)).toEqual(order);
  });

  it('hands out a blob that is larger than the cache', async () => {
    const { cache } = setUp(2);

    expect((await cache.get(hash(A))).byteLength).toBe(4);
    expect(cache.size).toBe(0);
  });

  it('returns many in the order of the asking', async () => {
    const { cache } = setUp(100);

    const bytes = await cache.all([hash(C), hash(A)]);

    expect(bytes.map((each) => new TextDecoder().decode(each))).toEqual([C, A]);
  });

  it('refuses bytes with another hash', async () => {
    const { fetch } = fakeFetch({ [`/blobs/${hash(A)}`]: { body: B } });
    const cache = new BlobCache({ fetch, token: 't' });

    const failed = await settled(cache.get(hash(A)));

    expect(failed).toMatchObject({ name: 'DownloadError' });
    expect(cache.size).toBe(0);
  });

  it('forgets a failure, so that a later chunk may succeed', async () => {
    const id = hash(A);
    const { fetch } = fakeFetch({ [`/blobs/${id}`]: [{ status: 404 }, { body: A }] });
    const cache = new BlobCache({ fetch, token: 't' });

    await expect(cache.get(id)).rejects.toThrow();
    expect((await cache.get(id)).byteLength).toBe(4);
  });
});
