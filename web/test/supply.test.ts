import { createHash } from 'node:crypto';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { fetchEnvironment } from '../src/assets/environment';
import { Supply } from '../src/assets/supply';
import type { ToFrame } from '../src/messages';
import { strings } from '../src/strings';
import { type Answer, fakeFetch, settled, useVirtualTime } from './fakes';

const hash = (body: string) => createHash('sha256').update(body).digest('hex');

function file(body: string) {
  return {
    name: `${body}.bin`,
    url: `/f/${body}`,
    size: body.length,
    transfer: body.length,
    sha256: hash(body),
  };
}

function wheel(body: string) {
  return { ...file(body), install_dir: 'site' };
}

/** How a recipe names a wheel. */
function named(body: string) {
  return { id: hash(body), installDir: 'site' };
}

function described(bundle: string, wheels: readonly string[]) {
  const runtime = { version: '0.27.8', files: [file('python')] };
  return JSON.stringify({
    ...{ title: 't', python: '3.12', runtime, bundle: file(bundle), wheels: wheels.map(wheel) },
  });
}

/** A supply for an owner who asks for these environments, one after the other. */
function setUp(asks: readonly string[], broken: Record<string, (Answer | Error)[]> = {}) {
  const bodies = ['python', 'tools', 'tools2', 'numpy', 'scipy'];
  const { fetch, asked } = fakeFetch({
    ...Object.fromEntries(bodies.map((body) => [`/f/${body}`, { body }])),
    '/api/environment': asks.map((body) => ({ body })),
    ...broken,
  });
  const frame: ToFrame[] = [];
  const ports = {
    tellFrame: (message: ToFrame) => frame.push(message),
    random: () => 1,
    equip: vi.fn(),
    install: vi.fn(),
    snapshots: {
      has: vi.fn(async () => false),
      load: vi.fn(async (): Promise<ArrayBuffer | null> => null),
    },
    onEnvironment: vi.fn(),
    onFailure: vi.fn(),
    onChange: vi.fn(),
  };
  const fetching = { fetch, token: 't' };
  const supply = new Supply(fetching, Promise.resolve(), ports);
  const ask = () => fetchEnvironment(fetching);
  const begin = async () => settled(supply.provide(await ask()));
  const ids = (type: 'keep' | 'drop') =>
    frame.flatMap((message) => (message.type === type ? [message.id] : [])).sort();
  const downloads = () => asked.map(({ path }) => path).filter((path) => path.startsWith('/f/'));
  return { supply, ports, ask, begin, ids, downloads, frame };
}

beforeEach(useVirtualTime);

describe('the supply', () => {
  it('hands the frame everything once, then starts the workers from it', async () => {
    const { supply, ports, begin, ids } = setUp([described('tools', ['numpy'])]);

    await begin();

    expect(ids('keep')).toEqual(['python', 'tools', 'numpy'].map(hash).sort());
    expect(ports.equip).toHaveBeenCalledExactlyOnceWith(
      {
        version: '0.27.8',
        runtime: { 'python.bin': hash('python') },
        wheels: [named('numpy')],
        bundle: hash('tools'),
        snapshot: expect.stringContaining(hash('tools')),
      },
      null,
    );
    expect(supply.download).toEqual({ state: 'done' });
    expect(supply.equipped).toBe(hash(described('tools', ['numpy'])));
  });

  it('downloads and installs no more than what a later map adds', async () => {
    const later = described('tools', ['numpy', 'scipy']);
    const { supply, ports, begin, downloads } = setUp([described('tools', ['numpy']), later]);
    await begin();
    const before = downloads().length;

    await settled(supply.renew());

    expect(downloads().slice(before)).toEqual(['/f/scipy']);
    expect(ports.equip).toHaveBeenCalledOnce();
    const [recipe, packages] = ports.install.mock.calls[0] ?? [];
    expect(recipe).toMatchObject({ wheels: [named('numpy'), named('scipy')] });
    expect(new TextDecoder().decode(packages[0].bytes)).toBe('scipy');
    expect(supply.equipped).toBe(hash(later));
  });

  it('starts the workers anew for another bundle, and lets the frame drop the old one', async () => {
    const { supply, ports, begin, ids } = setUp([
      described('tools', ['numpy']),
      described('tools2', ['numpy']),
    ]);
    await begin();

    await settled(supply.renew());

    expect(ids('drop')).toEqual([hash('tools')]);
    expect(ports.equip).toHaveBeenCalledTimes(2);
    expect(ports.install).not.toHaveBeenCalled();
  });

  it('fails for good when a file is not what it should be', async () => {
    const broken = { '/f/tools': [{ body: 'slots' }] };
    const { ports, begin, ids } = setUp([described('tools', ['numpy'])], broken);

    await begin();

    const message = strings.download.mismatch('tools.bin');
    expect(ports.onFailure).toHaveBeenCalledExactlyOnceWith({ message, details: '' });
    expect(ids('keep')).toEqual([hash('python')]);
  });

  it('goes on trying while the network is away, and says so', async () => {
    const offline = Array.from({ length: 7 }, () => new TypeError('offline'));
    const { supply, ports, begin } = setUp([described('tools', [])], {
      '/f/tools': [...offline, { body: 'tools' }],
    });
    const states = new Set<string>();
    ports.onChange.mockImplementation(() => states.add(supply.download.state));

    await begin();

    expect(states).toContain('delayed');
    expect(ports.onFailure).not.toHaveBeenCalled();
    expect(ports.equip).toHaveBeenCalledOnce();
  });

  it('lets a newer environment overtake one that is still on its way', async () => {
    const later = described('tools2', []);
    const { supply, ports, ask } = setUp([described('tools', []), later]);
    const first = supply.provide(await ask());

    const second = supply.renew();
    await settled(Promise.all([first, second]));

    expect(supply.equipped).toBe(hash(later));
    expect(ports.equip).toHaveBeenCalledOnce();
    expect(ports.onFailure).not.toHaveBeenCalled();
  });
});
