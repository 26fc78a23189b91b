// Watches the battery and the tab's visibility, which only the main thread can see.
import type { Conditions } from './mode';

interface Battery extends EventTarget {
  readonly charging: boolean;
}

type BatteryNavigator = Navigator & { getBattery?(): Promise<Battery> };

/** Tells the conditions now and at every change. */
export function watchConditions(
  tell: (conditions: Conditions) => void,
  page: Document = document,
  device: BatteryNavigator = navigator,
): void {
  let battery: Battery | undefined;
  const report = () =>
    tell({
      hidden: page.visibilityState === 'hidden',
      ...(battery && { onBattery: !battery.charging }),
    });
  page.addEventListener('visibilitychange', report);
  report();
  // Absent in Firefox, WebKit and outside secure contexts; a policy may refuse it.
  device.getBattery?.().then(
    (found) => {
      battery = found;
      battery.addEventListener('chargingchange', report);
      report();
    },
    () => {},
  );
}
