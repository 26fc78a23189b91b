// States of the page for tests, each as the device would report it.
import type { Ask, Standing, Tally } from '../src/pool/snapshot';
import type { Running } from '../src/words';

export const ASK: Ask = {
  title: 'squares.py',
  description: '',
  python: '3.12',
  functions: [{ map: 1, name: 'square', source: 'def square(x):\n    return x * x\n' }],
  wheels: ['numpy-2.0.1-x.whl'],
  bytes: 21e6,
};

export const TALLY: Tally = {
  ...{ items: 1234, chunks: 9, seconds: 61, rate: 2, steadyRate: 2, history: [1, 2] },
  ...{ received: 21e6, sent: 40e3, raised: 0, replaced: 0 },
};

export const STANDING: Standing = { devices: 12, done: 400, total: 1000, rate: 8, remaining: 75 };

export const RUNNING: Running = {
  state: 'running',
  mode: { state: 'computing' },
  connection: { state: 'open', worker: 1, environment: 'e' },
  rejoined: null,
  download: { state: 'done' },
  wanted: 2,
  workers: [
    { id: 4, state: 'computing', step: 'confinement', start: 'cold' },
    { id: 5, state: 'loading', step: 'interpreter', start: 'cold' },
  ],
  work: 'under way',
  tally: TALLY,
  raised: null,
  incident: null,
};

/** A running device with something else. */
export function running(part: Partial<Running>): Running {
  return { ...RUNNING, ...part };
}
