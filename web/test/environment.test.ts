import { createHash } from 'node:crypto';
import { describe, expect, it, test } from 'vitest';
import { fetchEnvironment, NotReadyError, needOf, sizeOf } from '../src/assets/environment';
import { strings } from '../src/strings';
import { fakeFetch } from './fakes';

const file = (name: string, sha256 = name) => ({
  name,
  url: `/f/${name}`,
  size: 10,
  transfer: 4,
  sha256,
});
const wheel = (name: string, sha256 = name) => ({ ...file(name, sha256), install_dir: 'site' });
const DESCRIBED = {
  protocol: 5,
  title: 'squares.py',
  python: '3.12',
  runtime: { version: '0.27.8', files: [file('pyodide.js'), file('pyodide.asm.wasm')] },
  bundle: file('worker.zip'),
  wheels: [wheel('numpy.whl')],
};

function ask(body: unknown, status = 200) {
  const text = JSON.stringify(body);
  const { fetch } = fakeFetch({ '/api/environment': { body: text, status } });
  return fetchEnvironment({ fetch, token: 't' });
}

describe('the environment', () => {
  it('is known by the hash of the answer', async () => {
    const environment = await ask(DESCRIBED);

    const hash = createHash('sha256').update(JSON.stringify(DESCRIBED)).digest('hex');
    expect(environment).toMatchObject({ id: hash, title: 'squares.py', version: '0.27.8' });
    expect(sizeOf(environment)).toBe(16);
  });

  it('passes on why it is not ready', async () => {
    const reason = { error: 'numpy cannot be had at the moment.' };

    await expect(ask(reason, 503)).rejects.toEqual(new NotReadyError(reason.error));
  });

  it('says when no browser can help', async () => {
    const answer = ask({ ...DESCRIBED, python: '3.14', runtime: null });

    await expect(answer).rejects.toThrow(strings.environment.noRuntime('3.14'));
  });

  test.each([
    ['an empty object', {}],
    ['a list', []],
    ['a negative size', { ...DESCRIBED, bundle: { ...file('x'), size: -1 } }],
    ['an unknown folder', { ...DESCRIBED, wheels: [{ ...wheel('x'), install_dir: '/' }] }],
    ['another host', { ...DESCRIBED, bundle: { ...file('x'), url: 'https://example.org/x' } }],
    ['another host without a scheme', { ...DESCRIBED, bundle: { ...file('x'), url: '//e.org/x' } }],
  ])('refuses %s', async (_what, body) => {
    await expect(ask(body)).rejects.toThrow(strings.environment.strange);
  });
});

describe('what workers need for another environment', () => {
  const changed = async (change: object) =>
    needOf(await ask(DESCRIBED), await ask({ ...DESCRIBED, ...change }));

  it('is everything at first', async () => {
    expect(needOf(undefined, await ask(DESCRIBED))).toEqual({ kind: 'everything' });
  });

  it('is nothing for another title', async () => {
    expect(await changed({ title: 'cubes.py' })).toEqual({ kind: 'nothing' });
  });

  it('is the added wheels only', async () => {
    const scipy = wheel('scipy.whl');

    const need = await changed({ wheels: [...DESCRIBED.wheels, scipy] });

    expect(need).toMatchObject({
      kind: 'wheels',
      wheels: [{ name: 'scipy.whl', installDir: 'site' }],
    });
  });

  test.each([
    ['a wheel is gone', { wheels: [] }],
    ['a wheel is another', { wheels: [wheel('numpy.whl', 'other')] }],
    ['the bundle is another', { bundle: file('worker.zip', 'other') }],
    ['the release is another', { runtime: { ...DESCRIBED.runtime, version: '0.29.5' } }],
  ])('is everything when %s', async (_what, change) => {
    expect(await changed(change)).toEqual({ kind: 'everything' });
  });
});
