import { createHash } from 'node:crypto';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { Environment } from '../src/assets/environment';
import type { Entry, Shelf } from '../src/assets/shelf';
import { LOAD_DEADLINE_MS, SAVE_AFTER_MS, Snapshots, snapshotOf } from '../src/assets/snapshots';
import { settled, useVirtualTime } from './fakes';

const MEMORY = new TextEncoder().encode('memory').buffer;
const SHA256 = createHash('sha256').update('memory').digest('hex');

class FakeShelf implements Shelf {
  readonly entries = new Map<string, Entry>();

  async has(id: string): Promise<boolean> {
    return this.entries.has(id);
  }

  async get(id: string): Promise<Entry | null> {
    return this.entries.get(id) ?? null;
  }

  async replaceAll(id: string, entry: Entry): Promise<void> {
    this.entries.clear();
    this.entries.set(id, entry);
  }

  async clear(): Promise<void> {
    this.entries.clear();
  }
}

function environment(version: string, runtime: string, wheel = ''): Environment {
  const file = (sha256: string) => ({ name: sha256, url: '/', size: 1, transfer: 1, sha256 });
  return {
    ...{ id: '', title: '', python: '', version, runtime: [file(runtime)], bundle: file('b') },
    wheels: wheel ? [{ ...file(wheel), installDir: 'site' }] : [],
  };
}

beforeEach(useVirtualTime);

describe('the name of a snapshot', () => {
  it('is another one for other files or another browser, and the same for other wheels', () => {
    const name = snapshotOf(environment('0.27.8', 'r'), 'Firefox');

    expect(snapshotOf(environment('0.27.8', 'r', 'numpy'), 'Firefox')).toBe(name);
    expect(snapshotOf(environment('0.27.8', 'other'), 'Firefox')).not.toBe(name);
    expect(snapshotOf(environment('0.27.8', 'r'), 'Chromium')).not.toBe(name);
  });

  it.each([
    ['0.25.1', false],
    ['0.27.8', true],
    ['0.29.5', true],
    ['314.0.7', true],
  ])('exists for the release %s: %s', (version, exists) => {
    expect(snapshotOf(environment(version, 'r'), 'Firefox') !== null).toBe(exists);
  });
});

describe('the snapshots', () => {
  it('come back as they were kept, the last one only', async () => {
    const shelf = new FakeShelf();
    new Snapshots(shelf).save('old', MEMORY);
    await vi.advanceTimersByTimeAsync(SAVE_AFTER_MS);
    await vi.waitUntil(() => shelf.entries.has('old'));
    new Snapshots(shelf).save('new', MEMORY);
    await vi.advanceTimersByTimeAsync(SAVE_AFTER_MS);
    await vi.waitUntil(() => shelf.entries.has('new'));

    const snapshots = new Snapshots(shelf);

    expect(await snapshots.has('new')).toBe(true);
    expect(await snapshots.has('old')).toBe(false);
    expect(await snapshots.load('new')).toEqual(MEMORY);
    expect(await snapshots.load('old')).toBeNull();
  });

  it('are read once, before they are needed, and again for a second start', async () => {
    const shelf = new FakeShelf();
    shelf.entries.set('s', { sha256: SHA256, bytes: MEMORY });
    const read = vi.spyOn(shelf, 'get');
    const snapshots = new Snapshots(shelf);

    snapshots.expect('s');
    snapshots.expect('s');
    await settled(Promise.resolve());
    expect(read).toHaveBeenCalledTimes(1);
    expect(await snapshots.load('s')).toEqual(MEMORY);
    expect(read).toHaveBeenCalledTimes(1);
    expect(await snapshots.load('s')).toEqual(MEMORY);
    expect(read).toHaveBeenCalledTimes(2);
  });

  it('are there for the next start of a page that found none', async () => {
    const shelf = new FakeShelf();
    const snapshots = new Snapshots(shelf);
    snapshots.expect('s');
    await settled(Promise.resolve());

    snapshots.save('s', MEMORY);
    await vi.advanceTimersByTimeAsync(SAVE_AFTER_MS);
    await vi.waitUntil(() => shelf.entries.has('s'));

    expect(await snapshots.load('s')).toEqual(MEMORY);
  });

  it('are thrown away when they are damaged', async () => {
    const shelf = new FakeShelf();
    shelf.entries.set('s', { sha256: SHA256.replace(/^./, 'x'), bytes: MEMORY });

    expect(await new Snapshots(shelf).load('s')).toBeNull();
    expect(shelf.entries.size).toBe(0);
  });

  it('are given up for as long as the page is open', async () => {
    const shelf = new FakeShelf();
    shelf.entries.set('s', { sha256: SHA256, bytes: MEMORY });
    const snapshots = new Snapshots(shelf);
    expect(await snapshots.load('s')).toEqual(MEMORY);

    snapshots.giveUp();
    snapshots.save('s', MEMORY);
    await vi.advanceTimersByTimeAsync(SAVE_AFTER_MS);

    expect(await snapshots.load('s')).toBeNull();
    expect(shelf.entries.size).toBe(0);
  });

  it('are not there where a browser keeps nothing, or does not answer', async () => {
    const refusing = new FakeShelf();
    refusing.get = async () => {
      throw new DOMException('private', 'SecurityError');
    };
    const silent = new FakeShelf();
    silent.get = () => new Promise(() => {});
    expect(await settled(new Snapshots(refusing).load('s'))).toBeNull();
    const loading = new Snapshots(silent).load('s');

    await vi.advanceTimersByTimeAsync(LOAD_DEADLINE_MS);

    expect(await loading).toBeNull();
  });

  it('cost nothing but the next start when the disk is full', async () => {
    const shelf = new FakeShelf();
    shelf.replaceAll = vi.fn(async () => {
      throw new DOMException('full', 'QuotaExceededError');
    });

    new Snapshots(shelf).save('s', MEMORY);
    await vi.advanceTimersByTimeAsync(SAVE_AFTER_MS);

    await vi.waitUntil(() => vi.mocked(shelf.replaceAll).mock.calls.length > 0);
  });
});
