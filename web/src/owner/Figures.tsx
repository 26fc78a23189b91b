import { strings } from '../strings';
import './Figures.scss';
import type { Stats } from './stats';
import { ownerStrings } from './strings';
import { devicesOf } from './words';

/** The numbers of the whole execution; styled as the volunteers' own ones. */
export function Figures({ stats }: { readonly stats: Stats }) {
  const { figures } = ownerStrings;
  const rate = strings.tally.rate(stats.rate);
  const { browser, native } = stats.connected;
  return (
    <dl className="progress-numbers figures">
      <div>
        <dt>{figures.done}</dt>
        <dd>
          <data value={stats.done} data-testid="items-done">
            {strings.number(stats.done)}
          </data>
        </dd>
        <dd>{ownerStrings.headline.uptime(stats.running)}</dd>
      </div>
      <div>
        <dt>{rate.unit}</dt>
        <dd>{rate.value}</dd>
        <dd>{stats.remaining === null ? '' : strings.standing.remaining(stats.remaining)}</dd>
      </div>
      <div>
        <dt>{figures.devices(devicesOf(stats))}</dt>
        <dd>{strings.number(devicesOf(stats))}</dd>
        <dd>{figures.kinds(browser, native)}</dd>
        <dd>{figures.capacity(stats.capacity)}</dd>
      </div>
      <div data-kind="small">
        <dt>{figures.retries(stats.retries)}</dt>
        <dd>{strings.number(stats.retries)}</dd>
      </div>
      <div data-kind="small">
        <dt>{figures.sent}</dt>
        <dd>{strings.bytes(stats.sent)}</dd>
        <dd>{figures.received(stats.received)}</dd>
      </div>
    </dl>
  );
}
