// What the coordinator tells the dashboard, for tests: as it comes over the wire.

export const WORKER = {
  ...{ number: 1, kind: 'browser', name: 'Firefox 153, Android', address: '192.168.1.7' },
  ...{ capacity: 2, leases: 3, items: 1200, rate: 20, failures: 0, chunk_size: 8 },
  ...{ round_trip: 0.042, connected: 60, silent: 0.5 },
};

export const NATIVE = {
  ...WORKER,
  ...{ number: 2, kind: 'native', name: null, address: null, failures: 4 },
  ...{ chunk_size: null, round_trip: null, silent: 12 },
};

export const ERROR = {
  ...{ error: 'ValueError: <b>negative</b>', count: 12, map: 1, index: 7 },
  ...{ worker: 'browser worker 1', traceback: 'Traceback: line 3' },
};

export const STATS = {
  ...{ title: 'prime gaps', running: 90, capacity: 4, done: 400, rate: 8, remaining: 75 },
  ...{ retries: 3, bytes_sent: 40_000, bytes_received: 2_000_000 },
  maps: [{ number: 1, function: 'longest_gap', done: 400, failed: 12, total: 1000 }],
  workers: [WORKER, NATIVE],
  errors: [ERROR],
  connected: { browser: 1, native: 1 },
  ...{ more_maps: 0, more_errors: 0 },
};

export const LINK = { url: 'http://192.168.1.20:1/#token', qr: 'data:image/svg+xml,qr' };

/** A coordinator whose answers can be changed, and which notes what it was asked. */
export class FakeCoordinator {
  readonly asked: { path: string; method: string; authorization: string | null }[] = [];
  /** By path: what is answered, a status, or undefined for no answer at all. */
  answers: Record<string, unknown> = { '/api/stats': STATS, '/api/link': LINK };

  readonly fetch = (async (path: string, init: RequestInit) => {
    const authorization = new Headers(init.headers).get('Authorization');
    this.asked.push({ path, method: init.method ?? 'GET', authorization });
    const answer = this.answers[path];
    if (answer === undefined) throw new TypeError('no answer');
    if (typeof answer === 'number') return new Response(null, { status: answer });
    return Response.json(answer);
  }) as typeof fetch;

  tells(stats: object): void {
    this.answers = { ...this.answers, '/api/stats': { ...STATS, ...stats } };
  }

  isSilent(): void {
    this.answers = {};
  }

  speaksAgain(): void {
    this.answers = { '/api/stats': STATS, '/api/link': LINK };
  }

  count(path: string): number {
    return this.asked.filter((each) => each.path === path).length;
  }
}
