// The compute workers of this device: started, watched, replaced, sent away. Who computes what is
// the dispatcher's business; what happens to a worker is told to it through the hooks.
import type {
  Failure,
  FromCompute,
  Package,
  Recipe,
  Start,
  StepName,
  ToCompute,
  ToFrame,
} from '../messages';
import { never } from '../messages';
import { RESTORE_DEADLINE_MS, STEP_DEADLINE_MS } from '../sandbox/steps';
import { strings } from '../strings';
import type { WorkerStep } from './snapshot';
import { Starts } from './starts';

export interface CrewHooks {
  /** This worker has ended; `reason` says why, unless nobody is to blame. */
  readonly onLeft: (worker: number, reason: string | null) => void;
  /** @param raised What the function raised, if it did. */
  readonly onResult: (worker: number, frame: ArrayBuffer, raised: string | null) => void;
  /** The worker's chunk is over, after so many milliseconds of computing. */
  readonly onDone: (worker: number, worked: number) => void;
  /** A worker died and another one takes its place. */
  readonly onReplaced: (failure: Failure) => void;
  /** No further worker can be started here; those that are there go on. */
  readonly onFewer: (failure: Failure) => void;
  /** No worker can be started here. */
  readonly onHalted: (failure: Failure) => void;
  /** A memory snapshot was made here, before any function was sent. */
  readonly onSnapshot: (id: string, bytes: ArrayBuffer) => void;
  /** A snapshot could not be made or used: none of them is to be trusted. */
  readonly onSnapshotFailed: () => void;
  /** Workers came, went, or went on in their start. */
  readonly onChange: () => void;
}

export interface MemberView {
  readonly id: number;
  readonly ready: boolean;
  readonly leaving: boolean;
  /** Whether it takes the place of one that died or was ended. */
  readonly replaces: boolean;
  readonly step: WorkerStep;
  readonly start: Start;
}

interface Member {
  readonly id: number;
  readonly port: MessagePort;
  readonly replaces: boolean;
  readonly start: Start;
  state: 'starting' | 'ready';
  step: StepName;
  deadline: ReturnType<typeof setTimeout> | undefined;
  /** What happens after its chunk. */
  fate: 'stay' | 'leave' | 'replace';
}

/** An interpreter's memory never shrinks; beyond this it is started anew. */
export const HEAP_LIMIT_BYTES = 2 * 1024 ** 3;
export const START_FAILURES = 3;

export class Crew {
  readonly #members = new Map<number, Member>();
  readonly #tellFrame: (message: ToFrame, transfer?: Transferable[]) => void;
  readonly #hooks: CrewHooks;
  readonly #isBusy: (worker: number) => boolean;
  readonly #starts = new Starts(() => this.#fill());
  #recipe: Recipe | undefined;
  #size: number;
  #next = 1;
  #failures = 0;
  /** Workers that ended and have no successor yet. */
  #gaps = 0;
  #share = 1;

  constructor(
    size: number,
    tellFrame: (message: ToFrame, transfer?: Transferable[]) => void,
    isBusy: (worker: number) => boolean,
    hooks: CrewHooks,
  ) {
    this.#size = size;
    this.#tellFrame = tellFrame;
    this.#isBusy = isBusy;
    this.#hooks = hooks;
  }

  get size(): number {
    return this.#size;
  }

  /** The workers that may be given a chunk, unless they have one. */
  get available(): readonly number[] {
    return [...this.#members.values()].filter(isAvailable).map(({ id }) => id);
  }

  /** Those that are there, and those that wait for the first one under the numbers to come. */
  get views(): readonly MemberView[] {
    const here = [...this.#members.values()].map(({ id, state, step, start, fate, replaces }) => ({
      id,
      ready: state === 'ready',
      leaving: fate === 'leave',
      replaces,
      step,
      start,
    }));
    const waiting = Array.from({ length: this.#recipe ? this.#missing : 0 }, (_, index) => ({
      ...{ id: this.#next + index, ready: false, leaving: false, replaces: false },
      ...({ step: 'turn', start: 'restored' } as const),
    }));
    return [...here, ...waiting];
  }

  /**
   * Starts all workers from this recipe; those of an earlier one end.
   *
   * @param snapshot The memory that the recipe names, if this browser has kept it; null where that
   *   turns out to be damaged.
   */
  equip(recipe: Recipe, snapshot: Promise<ArrayBuffer | null> | null = null): void {
    this.dismiss();
    this.#recipe = recipe;
    this.#failures = 0;
    this.#starts.begin(recipe.snapshot !== null, snapshot !== null);
    snapshot?.then((bytes) => {
      if (this.#recipe?.snapshot === recipe.snapshot) this.#handOver(recipe, bytes);
    });
    this.#fill();
  }

  #handOver(recipe: Recipe, snapshot: ArrayBuffer | null): void {
    if (recipe.snapshot !== null && snapshot) {
      return this.#tellFrame({ type: 'keep', id: recipe.snapshot, bytes: snapshot }, [snapshot]);
    }
    // Another one is made in its place.
    this.#starts.begin(recipe.snapshot !== null, false);
    this.#endRestoring();
    this.#fill();
    this.#hooks.onChange();
  }

  /** Adds packages to the workers that are there, after their chunk; others start from the recipe. */
  install(recipe: Recipe, packages: readonly Package[]): void {
    this.#recipe = recipe;
    for (const id of this.#members.keys()) this.tell(id, { type: 'install', packages });
  }

  /** Ends all workers at once; none is started until a recipe comes. */
  dismiss(): void {
    this.#dropSnapshot();
    this.#recipe = undefined;
    for (const member of [...this.#members.values()]) {
      this.#end(member, null);
    }
    this.#gaps = 0;
    this.#hooks.onChange();
  }

  /** Has all workers compute for this share of their time, above 0 and at most 1. */
  setPower(share: number): void {
    if (share === this.#share) return;
    this.#share = share;
    for (const id of this.#members.keys()) this.tell(id, { type: 'power', share });
  }

  /** Changes how many there are; a worker that computes ends its chunk first. */
  resize(size: number): void {
    this.#size = size;
    this.#failures = 0;
    const staying = [...this.#members.values()];
    for (const member of staying) if (member.fate === 'leave') member.fate = 'stay';
    const eagerness = ({ id, state }: Member) =>
      state === 'starting' ? 0 : this.#isBusy(id) ? 2 : 1;
    staying.sort((one, other) => eagerness(one) - eagerness(other));
    for (const member of staying.slice(0, Math.max(0, staying.length - size))) {
      if (this.#isBusy(member.id)) member.fate = 'leave';
      else this.#end(member, null);
    }
    this.#gaps = 0;
    this.#fill();
    this.#hooks.onChange();
  }

  tell(worker: number, message: ToCompute, transfer: Transferable[] = []): void {
    if (message.type === 'inform' || message.type === 'compute') this.#starts.taint();
    this.#members.get(worker)?.port.postMessage(message, transfer);
  }

  /** Ends a worker in the middle of whatever it does, and starts another one. */
  replace(worker: number, reason: string): void {
    const member = this.#members.get(worker);
    if (!member) return;
    this.#end(member, reason);
    this.#gaps += 1;
    this.#fill();
    this.#hooks.onChange();
  }

  /** The frame heard an error that the worker did not survive or did not report itself. */
  crashed(worker: number, details: string): void {
    const member = this.#members.get(worker);
    if (member) this.#broke(member, details);
  }

  get #missing(): number {
    const staying = [...this.#members.values()].filter(({ fate }) => fate !== 'leave');
    return Math.max(0, this.#size - staying.length);
  }

  #fill(): void {
    const recipe = this.#recipe;
    if (!recipe) return;
    for (let missing = this.#missing; missing > 0; missing--) {
      const start = this.#starts.next(this.#next);
      if (start === null) return;
      this.#spawn(recipe, start);
    }
  }

  #spawn(recipe: Recipe, start: Start): void {
    const { port1: port, port2: far } = new MessageChannel();
    const id = this.#next++;
    const member: Member = {
      id,
      port,
      start,
      state: 'starting',
      replaces: this.#gaps > 0,
      step: 'sandbox',
      deadline: undefined,
      fate: 'stay',
    };
    this.#gaps = Math.max(0, this.#gaps - 1);
    this.#members.set(id, member);
    this.#reached(member, 'sandbox');
    port.onmessage = ({ data }: MessageEvent<FromCompute>) => this.#hear(member, data);
    this.#tellFrame({ type: 'spawn', worker: id, recipe, start, port: far }, [far]);
  }

  #hear(member: Member, message: FromCompute): void {
    switch (message.type) {
      case 'step':
        this.#reached(member, message.name);
        return this.#hooks.onChange();
      case 'snapshot':
        return this.#takeSnapshot(member, message.bytes);
      case 'ready':
        clearTimeout(member.deadline);
        member.state = 'ready';
        this.#failures = 0;
        if (this.#share < 1) this.tell(member.id, { type: 'power', share: this.#share });
        return this.#hooks.onChange();
      case 'result':
        return this.#hooks.onResult(member.id, message.frame, message.raised);
      case 'done':
        return this.#done(member, message.heap, message.worked);
      case 'broken':
        return this.#broke(member, message.details);
      default:
        return never(message);
    }
  }

  #reached(member: Member, step: StepName): void {
    member.step = step;
    clearTimeout(member.deadline);
    if (step === 'interpreter') this.#starts.isStarting(member.id);
    const isRestored = member.start === 'restored' && step === 'interpreter';
    const wait = isRestored ? RESTORE_DEADLINE_MS : STEP_DEADLINE_MS[step];
    if (wait === null) return;
    member.deadline = setTimeout(() => this.#broke(member, strings.failures.deadline(step)), wait);
  }

  /** Hands the first worker's memory to those that wait for it. */
  #takeSnapshot(member: Member, bytes: ArrayBuffer | null): void {
    const id = this.#recipe?.snapshot;
    if (!id || !this.#starts.isMaking(member.id)) return;
    if (bytes instanceof ArrayBuffer && this.#starts.accepts(member.id)) {
      // Copied, not moved: it is also kept for the next visit.
      this.#tellFrame({ type: 'keep', id, bytes });
      this.#hooks.onSnapshot(id, bytes);
    } else {
      this.#distrustSnapshots();
    }
    this.#fill();
    this.#hooks.onChange();
  }

  /** Ends what is starting from a snapshot; from now on all start cold. */
  #distrustSnapshots(): void {
    this.#starts.stop();
    this.#dropSnapshot();
    this.#hooks.onSnapshotFailed();
    this.#endRestoring();
  }

  #endRestoring(): void {
    for (const member of [...this.#members.values()]) {
      if (isRestoring(member)) this.#end(member, strings.reasons.snapshot);
    }
  }

  #dropSnapshot(): void {
    const id = this.#recipe?.snapshot;
    if (id) this.#tellFrame({ type: 'drop', id });
  }

  #done(member: Member, heap: number, worked: number): void {
    if (heap > HEAP_LIMIT_BYTES && member.fate === 'stay') member.fate = 'replace';
    this.#hooks.onDone(member.id, worked);
    if (member.fate === 'stay') return;
    if (member.fate === 'replace') this.#gaps += 1;
    this.#end(member, null);
    this.#fill();
    this.#hooks.onChange();
  }

  #broke(member: Member, details: string): void {
    if (!this.#members.has(member.id)) return;
    const starting = member.state === 'starting';
    if (isRestoring(member) || this.#starts.isMaking(member.id)) this.#distrustSnapshots();
    if (isRestoring(member)) {
      this.#fill();
      return this.#hooks.onChange();
    }
    this.#end(member, details);
    if (starting && ++this.#failures >= START_FAILURES) return this.#giveUp(member.step, details);
    this.#hooks.onReplaced({ message: strings.failures.died, details });
    this.#gaps += 1;
    this.#fill();
    this.#hooks.onChange();
  }

  /** Starts no more workers: the memory may be enough for those that compute already. */
  #giveUp(step: StepName, details: string): void {
    if (this.available.length === 0) {
      this.#hooks.onHalted({ message: strings.failures.start(step), details });
      return this.dismiss();
    }
    this.#failures = 0;
    this.#size = [...this.#members.values()].filter(({ fate }) => fate !== 'leave').length;
    this.#gaps = 0;
    this.#hooks.onFewer({ message: strings.failures.fewer, details });
    this.#hooks.onChange();
  }

  #end(member: Member, reason: string | null): void {
    clearTimeout(member.deadline);
    this.#members.delete(member.id);
    member.port.onmessage = null;
    member.port.close();
    this.#tellFrame({ type: 'terminate', worker: member.id });
    this.#hooks.onLeft(member.id, reason);
  }
}

/** Whether it has yet to show that it can start from a snapshot. */
function isRestoring({ state, start }: Member): boolean {
  return state === 'starting' && start === 'restored';
}

function isAvailable({ state, fate }: Member): boolean {
  return state === 'ready' && fate === 'stay';
}
