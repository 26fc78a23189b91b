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
    <>
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
          {stats.remaining !== null && <dd>{strings.standing.remaining(stats.remaining)}</dd>}
        </div>
        <div>
          <dt>{figures.devices(devicesOf(stats))}</dt>
          <dd>{strings.number(devicesOf(stats))}</dd>
          <dd>{figures.kinds(browser, native)}</dd>
          <dd>{figures.capacity(stats.capacity)}</dd>
        </div>
      </dl>
      <ul className="figures-further">
        <li>{figures.retries(stats.retries)}</li>
        <li>{figures.sent(stats.sent)}</li>
        <li>{figures.received(stats.received)}</li>
      </ul>
    </>
  );
}
