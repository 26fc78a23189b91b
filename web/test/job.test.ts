import { describe, expect, it, test } from 'vitest';
import { fetchJob } from '../src/assets/job';
import { strings } from '../src/strings';
import { fakeFetch } from './fakes';

const DESCRIBED = {
  title: 'primes.py',
  description: 'Looks for primes.',
  functions: [
    { map: 3, name: 'nth_prime', source: 'def nth_prime(n):\n    ...' },
    { map: 4, name: 'abs', source: null },
  ],
  devices: 12,
  progress: { done: 340, total: 1000, rate: 2.5, remaining: 264 },
};
const IDLE = { ...DESCRIBED, description: null, functions: [], progress: null };

function ask(body: unknown, status = 200) {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const { fetch } = fakeFetch({ '/api/job': { body: text, status } });
  return fetchJob({ fetch, token: 't' });
}

describe('the job', () => {
  test.each([
    ['a running map', DESCRIBED],
    ['nothing that runs', IDLE],
    [
      'an endless map',
      { ...DESCRIBED, progress: { done: 1, total: null, rate: 0, remaining: null } },
    ],
  ])('is read with %s', async (_what, body) => {
    expect(await ask(body)).toEqual(body);
  });

  it('has nothing that the page does not know', async () => {
    expect(await ask({ ...IDLE, more: 'of a newer coordinator' })).toEqual(IDLE);
  });

  it('is not told to strangers', async () => {
    await expect(ask({}, 401)).rejects.toMatchObject({ name: 'DownloadError', lasting: true });
  });

  test.each([
    ['no JSON', '<html>'],
    ['an empty object', {}],
    ['a list', []],
    ['a title that is a number', { ...DESCRIBED, title: 5 }],
    ['a description that is missing', { ...DESCRIBED, description: undefined }],
    ['functions that are no list', { ...DESCRIBED, functions: {} }],
    ['a function without a source', { ...DESCRIBED, functions: [{ map: 1, name: 'f' }] }],
    ['a negative number of devices', { ...DESCRIBED, devices: -1 }],
    ['a rate in words', { ...DESCRIBED, progress: { ...DESCRIBED.progress, rate: 'fast' } }],
  ])('refuses %s', async (_what, body) => {
    await expect(ask(body)).rejects.toThrow(strings.environment.strange);
  });
});
