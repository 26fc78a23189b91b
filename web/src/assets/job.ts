import type { Fetching } from './download';
export interface JobFunction {
  readonly map: number;
  readonly name: string;
  readonly source: string | null;
}
export interface Job {
  readonly description: string;
  readonly functions: readonly JobFunction[];
  readonly standing: null;
}
export async function fetchJob(_: Fetching): Promise<Job> {
  return {
    description:
      'I am looking for patterns in primes for my thesis.\nThank you for lending me a core!',
    functions: [
      {
        map: 1,
        name: 'nth_prime',
        source:
          'def nth_prime(n):\n    """Returns the n-th prime."""\n    found = []\n    candidate = 2\n    while len(found) < n:\n        if all(candidate % p for p in found):\n            found.append(candidate)\n        candidate += 1\n    return found[-1]\n',
      },
    ],
    standing: null,
  };
}
