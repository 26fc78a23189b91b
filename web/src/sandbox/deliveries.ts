// What the frame sends to a compute worker, in whatever order it comes, for whoever waits for it.
import type { FrameToCompute, Package } from '../messages';
import { never } from '../messages';

interface Awaited<T> {
  readonly value: Promise<T>;
  readonly settle: (value: T) => void;
}

export class Deliveries {
  readonly #files = new Map<string, Awaited<ArrayBuffer>>();
  readonly #interpreter = awaited<WebAssembly.Module>();
  readonly #packages = awaited<readonly Package[]>();

  constructor(names: readonly string[]) {
    for (const name of names) this.#files.set(name, awaited());
  }

  get names(): readonly string[] {
    return [...this.#files.keys()];
  }

  get interpreter(): Promise<WebAssembly.Module> {
    return this.#interpreter.value;
  }

  get packages(): Promise<readonly Package[]> {
    return this.#packages.value;
  }

  async file(name: string): Promise<ArrayBuffer> {
    const file = this.#files.get(name);
    if (!file) throw new Error(`this start has no ${name}`);
    return file.value;
  }

  take(message: Exclude<FrameToCompute, { type: 'boot' }>): void {
    switch (message.type) {
      case 'file':
        this.#files.get(message.name)?.settle(message.bytes);
        return;
      case 'interpreter':
        this.#interpreter.settle(message.module);
        return;
      case 'packages':
        this.#packages.settle(message.packages);
        return;
      default:
        return never(message);
    }
  }
}

function awaited<T>(): Awaited<T> {
  let settle: Awaited<T>['settle'] = () => {};
  const value = new Promise<T>((resolve) => {
    settle = resolve;
  });
  return { value, settle };
}
