// Gets what the workers need and hands it on: downloads what the frame does not hold yet, drops
// what it need not hold any longer. When a later map only adds packages, the workers that are there
// install them and go on; for anything else they are started anew.
import { backoff } from '../link/connection';
import type { Failure, Package, Recipe, ToFrame } from '../messages';
import type { Download } from '../pool/snapshot';
import { strings } from '../strings';
import { DownloadError, download, type Fetching, pause, type RemoteFile } from './download';
import {
  type Environment,
  fetchEnvironment,
  filesOf,
  NotReadyError,
  needOf,
  type Wheel,
} from './environment';
import { type Snapshots, snapshotOf } from './snapshots';

export interface SupplyPorts {
  readonly tellFrame: (message: ToFrame, transfer?: Transferable[]) => void;
  readonly random: () => number;
  /**
   * Starts all workers from this recipe, ending those that are there; its files may still come, and
   * so may the snapshot, if there is one.
   */
  readonly equip: (recipe: Recipe, snapshot: Promise<ArrayBuffer | null> | null) => void;
  /** Adds these packages to the workers that are there; later ones start from the recipe. */
  readonly install: (recipe: Recipe, packages: readonly Package[]) => void;
  readonly snapshots: Pick<Snapshots, 'has' | 'load'>;
  readonly onEnvironment: (environment: Environment) => void;
  readonly onFailure: (failure: Failure) => void;
  readonly onChange: () => void;
}

export class Supply {
  #download: Download = { state: 'asking' };
  /** What the workers have. */
  #equipped: Environment | undefined;
  /** The hash of an environment that workers are being started for while its wheels come. */
  #begun: string | undefined;
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
    if (need.kind === 'everything') await this.#startAnew(environment, signal);
    if (need.kind === 'wheels') await this.#extend(environment, need.wheels, signal);
    signal.throwIfAborted();
    this.#equipped = environment;
    this.#begun = undefined;
    this.#download = { state: 'done' };
    this.#ports.onChange();
  }

  /** Starts workers at once; they begin with what is there while the rest is on its way. */
  async #startAnew(environment: Environment, signal: AbortSignal): Promise<void> {
    const recipe = recipeOf(environment);
    const downloaded = this.#fetchMissing(environment, signal, (id, bytes) => {
      this.#keep(id, bytes);
      if (id === recipe.runtime['pyodide.asm.wasm']) {
        this.#ports.tellFrame({ type: 'compile', id });
      }
    });
    // A download that fails at once is heard below.
    downloaded.catch(() => {});
    const { snapshots } = this.#ports;
    const snapshot = (await snapshots.has(recipe.snapshot))
      ? snapshots.load(recipe.snapshot)
      : null;
    await this.#frameReady;
    signal.throwIfAborted();
    this.#drop(environment);
    if (this.#begun !== environment.id) this.#ports.equip(recipe, snapshot);
    this.#begun = environment.id;
    await downloaded;
  }

  async #extend(environment: Environment, wheels: readonly Wheel[], signal: AbortSignal) {
    const fresh = new Map<string, ArrayBuffer>();
    await this.#fetchMissing(environment, signal, (id, bytes) => fresh.set(id, bytes));
    await this.#frameReady;
    signal.throwIfAborted();
    // Before the bytes move to the frame for the workers to come.
    const packages = wheels.flatMap(({ sha256, installDir }) => {
      const bytes = fresh.get(sha256);
      return bytes ? [{ bytes, installDir }] : [];
    });
    this.#ports.install(recipeOf(environment), packages);
    this.#drop(environment);
    for (const [id, bytes] of fresh) this.#keep(id, bytes);
  }

  #keep(id: string, bytes: ArrayBuffer): void {
    this.#held.add(id);
    this.#ports.tellFrame({ type: 'keep', id, bytes }, [bytes]);
  }

  /** Lets the frame forget what this environment does not need. */
  #drop(environment: Environment): void {
    const wanted = new Set(filesOf(environment).map(({ sha256 }) => sha256));
    for (const id of this.#held) {
      if (wanted.has(id)) continue;
      this.#held.delete(id);
      this.#ports.tellFrame({ type: 'drop', id });
    }
  }

  /** Downloads what starts the interpreter first, then the wheels; each is handed on when there. */
  async #fetchMissing(
    environment: Environment,
    signal: AbortSignal,
    handOn: (id: string, bytes: ArrayBuffer) => void,
  ): Promise<void> {
    const missing = filesOf(environment).filter(({ sha256 }) => !this.#held.has(sha256));
    const total = missing.reduce((sum, { transfer }) => sum + transfer, 0);
    const received = new Map<string, number>();
    const progress = (id: string, count: number) => {
      received.set(id, count);
      const sum = [...received.values()].reduce((one, other) => one + other, 0);
      this.#download = { state: 'loading', received: sum, total };
      this.#ports.onChange();
    };
    progress('', 0);
    const fetching = { ...this.#fetching, signal };
    const fetchOne = async (file: RemoteFile) => {
      const bytes = await download(file, fetching, (count) =>
        progress(
          file.sha256,
          count < file.size ? (count / file.size) * file.transfer : file.transfer,
        ),
      );
      signal.throwIfAborted();
      handOn(file.sha256, bytes);
    };
    const wheels = new Set<RemoteFile>(environment.wheels);
    await Promise.all(missing.filter((file) => !wheels.has(file)).map(fetchOne));
    await Promise.all(missing.filter((file) => wheels.has(file)).map(fetchOne));
  }
}

function recipeOf(environment: Environment): Recipe {
  const { version, runtime, wheels, bundle } = environment;
  return {
    version,
    runtime: Object.fromEntries(runtime.map(({ name, sha256 }) => [name, sha256])),
    wheels: wheels.map(({ sha256, installDir }) => ({ id: sha256, installDir })),
    bundle: bundle.sha256,
    snapshot: snapshotOf(environment),
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
