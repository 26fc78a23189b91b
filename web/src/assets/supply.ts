// Gets what the workers need and hands it on: downloads what the frame does not hold yet, drops
// what it need not hold any longer. When a later map only adds packages, the workers that are there
// install them and go on; for anything else they are started anew.
import { backoff } from '../link/connection';
import type { Failure, Package, Recipe, ToFrame } from '../messages';
import type { Download } from '../pool/snapshot';
import { strings } from '../strings';
import { DownloadError, download, type Fetching, pause } from './download';
import {
  type Environment,
  fetchEnvironment,
  filesOf,
  type Need,
  NotReadyError,
  needOf,
} from './environment';

export interface SupplyPorts {
  readonly tellFrame: (message: ToFrame, transfer?: Transferable[]) => void;
  readonly random: () => number;
  /** Starts all workers from this recipe, ending those that are there. */
  readonly equip: (recipe: Recipe) => void;
  /** Adds these packages to the workers that are there; later ones start from the recipe. */
  readonly install: (recipe: Recipe, packages: readonly Package[]) => void;
  readonly onEnvironment: (environment: Environment) => void;
  readonly onFailure: (failure: Failure) => void;
  readonly onChange: () => void;
}

export class Supply {
  #download: Download = { state: 'asking' };
  /** What the workers have. */
  #equipped: Environment | undefined;
  /** Ends what is under way when another environment has come. */
  #outdated = new AbortController();
  readonly #held = new Set<string>();
  readonly #fetching: Omit<Fetching, 'signal'>;
  readonly #frameReady: Promise<void>;
  readonly #ports: SupplyPorts;

  constructor(fetching: Omit<Fetching, 'signal'>, frameReady: Promise<void>, ports: SupplyPorts) {
    this.#fetching = fetching;
    this.#frameReady = frameReady;
    this.#ports = ports;
  }

  get download(): Download {
    return this.#download;
  }

  /** The hash of the environment that the workers have, if they have one. */
  get equipped(): string | undefined {
    return this.#equipped?.id;
  }

  /** Brings the workers to this environment. */
  provide(environment: Environment): Promise<void> {
    return this.#attempt((signal) => this.#bring(environment, signal));
  }

  /** Asks for the environment anew and brings the workers there. */
  renew(): Promise<void> {
    return this.#attempt(async (signal) => {
      const environment = await fetchEnvironment({ ...this.#fetching, signal });
      this.#ports.onEnvironment(environment);
      await this.#bring(environment, signal);
    });
  }

  close(): void {
    this.#outdated.abort();
  }

  /** Works until it succeeds, fails for good, or is outdated. */
  async #attempt(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    this.#outdated.abort();
    this.#outdated = new AbortController();
    const { signal } = this.#outdated;
    for (let attempt = 1; !signal.aborted; attempt++) {
      try {
        return await work(signal);
      } catch (error) {
        if (signal.aborted) return;
        if (isLasting(error)) return this.#ports.onFailure(failureOf(error));
        this.#download = { state: 'delayed', message: messageOf(error) };
        this.#ports.onChange();
      }
      await pause(backoff(attempt, this.#ports.random()), signal).catch(() => {});
    }
  }

  async #bring(environment: Environment, signal: AbortSignal): Promise<void> {
    const need = needOf(this.#equipped, environment);
    if (need.kind !== 'nothing') {
      const fresh = await this.#fetchMissing(environment, signal);
      await this.#frameReady;
      signal.throwIfAborted();
      this.#handOver(environment, need, fresh);
    }
    this.#equipped = environment;
    this.#download = { state: 'done' };
    this.#ports.onChange();
  }

  #handOver(environment: Environment, need: Need, fresh: ReadonlyMap<string, ArrayBuffer>): void {
    const recipe = recipeOf(environment);
    if (need.kind === 'wheels') {
      // Before the bytes move to the frame for the workers to come.
      const packages = need.wheels.flatMap(({ sha256, installDir }) => {
        const bytes = fresh.get(sha256);
        return bytes ? [{ bytes, installDir }] : [];
      });
      this.#ports.install(recipe, packages);
    }
    const wanted = new Set(filesOf(environment).map(({ sha256 }) => sha256));
    for (const id of this.#held) {
      if (wanted.has(id)) continue;
      this.#held.delete(id);
      this.#ports.tellFrame({ type: 'drop', id });
    }
    for (const [id, bytes] of fresh) {
      this.#held.add(id);
      this.#ports.tellFrame({ type: 'keep', id, bytes }, [bytes]);
    }
    if (need.kind === 'everything') this.#ports.equip(recipe);
  }

  async #fetchMissing(environment: Environment, signal: AbortSignal) {
    const missing = filesOf(environment).filter(({ sha256 }) => !this.#held.has(sha256));
    const total = missing.reduce((sum, { size }) => sum + size, 0);
    const received = new Map<string, number>();
    const progress = (id: string, count: number) => {
      received.set(id, count);
      const sum = [...received.values()].reduce((one, other) => one + other, 0);
      this.#download = { state: 'loading', received: sum, total };
      this.#ports.onChange();
    };
    progress('', 0);
    const fetches = missing.map(async (file) => {
      const fetching = { ...this.#fetching, signal };
      const bytes = await download(file, fetching, (count) => progress(file.sha256, count));
      return [file.sha256, bytes] as const;
    });
    return new Map(await Promise.all(fetches));
  }
}

function recipeOf({ version, runtime, wheels, bundle }: Environment): Recipe {
  return {
    version,
    runtime: Object.fromEntries(runtime.map(({ name, sha256 }) => [name, sha256])),
    wheels: wheels.map(({ sha256, installDir }) => ({ id: sha256, installDir })),
    bundle: bundle.sha256,
  };
}

/** Networks come back and packages become ready; a wrong checksum or a bug stays. */
function isLasting(error: unknown): boolean {
  if (error instanceof DownloadError) return error.lasting;
  return !(error instanceof NotReadyError || error instanceof TypeError);
}

function messageOf(error: unknown): string {
  if (error instanceof DownloadError || error instanceof NotReadyError) return error.message;
  return strings.environment.unreachable;
}

function failureOf(error: unknown): Failure {
  if (error instanceof DownloadError) return { message: error.message, details: '' };
  const details = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { message: strings.failures.unknown, details };
}
