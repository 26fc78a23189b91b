// Which of the strings fits a state: what the components show, decided without React.
import type { MapStats, Stats, WorkerStats } from './stats';
import { ownerStrings as strings } from './strings';
import type { Shown, View } from './watch';

/** What the tab is called; it never contains the link. */
export function titleOf(view: View): string {
  if (view.state !== 'shown') return strings.title.none;
  const { title, maps } = view.stats;
  if (view.away) return strings.title.away(title);
  const percent = percentOf(maps);
  return percent === null ? strings.title.idle(title) : strings.title.done(percent, title);
}

/** The one line that says how things are; it is read aloud when it changes. */
export function headlineOf({ stats, away }: Shown): string {
  if (away) return strings.headline.away;
  if (stats.maps.length === 0) return strings.headline.idle;
  if (devicesOf(stats) === 0) return strings.headline.workless;
  return strings.headline.running(stats.maps.length + stats.moreMaps);
}

/** What the headline leaves open, if anything. */
export function explanationOf({ stats, away }: Shown): string | null {
  if (away) return null;
  if (stats.maps.length === 0) return strings.headline.idleText;
  return devicesOf(stats) === 0 ? strings.headline.worklessText : null;
}

/** How much of these maps is done; null if none runs, or one has no known end. */
export function percentOf(maps: readonly MapStats[]): number | null {
  let [done, total] = [0, 0];
  for (const map of maps) {
    if (map.total === null) return null;
    done += map.done;
    total += map.total;
  }
  return total > 0 ? Math.floor((100 * done) / total) : null;
}

/** What is to be said of a map beside its bar. */
export function mapWords({ done, failed, total }: MapStats): readonly string[] {
  return [strings.maps.done(done, total), ...(failed > 0 ? [strings.maps.failed(failed)] : [])];
}

export function devicesOf({ connected }: Stats): number {
  return connected.browser + connected.native;
}

/** As the library's warnings call it. */
export function nameOf({ kind, number }: WorkerStats): string {
  return strings.workers.name(kind, number);
}

/** "14:05:09" in the reader's own time. */
export function clockTime(milliseconds: number): string {
  return new Date(milliseconds).toLocaleTimeString('en-GB');
}
