import { useRef, useState } from 'react';
import './Devices.scss';
import { Dismissal } from './Dismissal';
import type { WorkerStats } from './stats';
import { ownerStrings } from './strings';
import type { Shown } from './watch';
import { devicesOf, nameOf } from './words';

const { columns } = ownerStrings.workers;
const NUMBERS = [
  'capacity',
  'leases',
  'items',
  'rate',
  'chunk',
  'failures',
  'roundTrip',
  'silent',
] as const;

/** Whether a device is to be sent away. */
interface Question {
  readonly worker: WorkerStats;
  readonly count: number;
  readonly isOpen: boolean;
}

interface Props {
  readonly view: Shown;
  readonly onDismiss: (number: number, name: string) => void;
}

/** A row for each device; on narrow screens a card. */
export function Devices({ view: { stats, dismissed, link, notice }, onDismiss }: Props) {
  const { workers: words } = ownerStrings;
  const [question, setQuestion] = useState<Question | null>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  const more = devicesOf(stats) - stats.workers.length;

  const ask = (worker: WorkerStats) =>
    setQuestion((last) => ({ worker, count: (last?.count ?? 0) + 1, isOpen: true }));
  const decide = ({ worker, count }: Question, isWanted: boolean) => {
    // Browsers say that a dialog has closed some time later, when the next one may be open.
    setQuestion((last) => (last?.count === count ? { ...last, isOpen: false } : last));
    if (!isWanted) return;
    // The row goes away, and the focus would be lost with it.
    heading.current?.focus();
    onDismiss(worker.number, nameOf(worker));
  };

  return (
    <section className="devices" aria-labelledby="devices">
      <h2 id="devices" ref={heading} tabIndex={-1}>
        {words.heading}
      </h2>
      <p role="status">{notice}</p>
      {stats.workers.length === 0 ? (
        <div className="devices-none">
          <p>{words.none}</p>
          <p>{link === null ? words.noneNative : words.noneText}</p>
        </div>
      ) : (
        <table aria-labelledby="devices">
          <thead>
            <tr>
              <th scope="col">{columns.device}</th>
              {NUMBERS.map((name) => (
                <th key={name} scope="col">
                  {columns[name]}
                </th>
              ))}
              <th scope="col">
                <span className="devices-aloud">{columns.action}</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {stats.workers.map((worker) => (
              <Row
                key={worker.number}
                worker={worker}
                isDismissed={dismissed.has(worker.number)}
                onAsk={() => ask(worker)}
              />
            ))}
          </tbody>
        </table>
      )}
      {more > 0 && <p>{words.more(more)}</p>}
      {question?.isOpen && (
        <Dismissal
          key={question.count}
          worker={question.worker}
          onDecision={(isWanted) => decide(question, isWanted)}
        />
      )}
    </section>
  );
}

interface RowProps {
  readonly worker: WorkerStats;
  readonly isDismissed: boolean;
  readonly onAsk: () => void;
}

function Row({ worker, isDismissed, onAsk }: RowProps) {
  const { dismissal, workers: words } = ownerStrings;
  const name = nameOf(worker);
  const values: Readonly<Record<(typeof NUMBERS)[number], string | null>> = {
    capacity: words.count(worker.capacity),
    leases: words.count(worker.leases),
    items: words.count(worker.items),
    rate: words.rate(worker.rate),
    chunk: worker.chunkSize === null ? null : words.count(worker.chunkSize),
    failures: words.count(worker.failures),
    roundTrip: worker.roundTrip === null ? null : words.duration(worker.roundTrip),
    silent: words.ago(worker.silent),
  };
  return (
    <tr data-testid="device" data-number={worker.number}>
      <th scope="row">
        {worker.name ?? words.nameless[worker.kind]}
        <span className="devices-who">
          {name}
          {worker.address && ` · ${worker.address}`}
        </span>
      </th>
      {NUMBERS.map((column) => (
        <td
          key={column}
          data-label={columns[column]}
          data-alarm={column === 'failures' && worker.failures > 0}
        >
          {values[column] ?? <Unknown />}
        </td>
      ))}
      <td className="devices-action">
        {isDismissed ? (
          dismissal.pending
        ) : (
          <button
            type="button"
            className="button"
            data-kind="quiet"
            aria-label={dismissal.openAloud(name)}
            onClick={onAsk}
          >
            {dismissal.open}
          </button>
        )}
      </td>
    </tr>
  );
}

function Unknown() {
  const { unknown, unknownAloud } = ownerStrings.workers;
  return (
    <>
      <span aria-hidden="true">{unknown}</span>
      <span className="devices-aloud">{unknownAloud}</span>
    </>
  );
}
