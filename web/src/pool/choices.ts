// The volunteer's choices on the main thread, without React: what was kept, what follows from the
// device, and whoever has to hear of a change.
import { usualWorkers } from './hardware';
import type { Conditions } from './mode';
import { keepSettings, readSettings, type Settings } from './settings';

export interface Choice {
  readonly settings: Settings;
  /** Those that were chosen, or else what suits the device. */
  readonly workers: number;
  /** Undefined where the browser does not tell. */
  readonly onBattery: boolean | undefined;
}

export interface Choices {
  readonly subscribe: (listener: () => void) => () => void;
  readonly current: () => Choice;
  change(settings: Settings): void;
  observe(conditions: Conditions): void;
}

export function createChoices(
  storage: Pick<Storage, 'getItem' | 'setItem'>,
  tell: (choice: Choice) => void,
  usual: (onBattery: boolean) => number = usualWorkers,
): Choices {
  const listeners = new Set<() => void>();
  let current = choiceOf(readSettings(storage), undefined);

  function choiceOf(settings: Settings, onBattery: boolean | undefined): Choice {
    return { settings, onBattery, workers: settings.workers ?? usual(onBattery ?? false) };
  }

  function become(choice: Choice): void {
    current = choice;
    tell(current);
    for (const listener of listeners) listener();
  }

  tell(current);
  return {
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    current: () => current,
    change(settings) {
      keepSettings(settings, storage);
      become(choiceOf(settings, current.onBattery));
    },
    observe({ onBattery }) {
      if (onBattery !== current.onBattery) become(choiceOf(current.settings, onBattery));
    },
  };
}
