import { useId } from 'react';
import type { Choice } from '../pool/choices';
import { readTime, writeTime } from '../pool/clock';
import { coresOf, mostWorkers } from '../pool/hardware';
import {
  BATTERY_RULES,
  type BatteryRule,
  type Settings as Chosen,
  type Hours,
  POWERS,
  type Power,
} from '../pool/settings';
import { canKeepAwake } from '../pool/wakelock';
import { strings } from '../strings';
import './Settings.scss';

const words = strings.settings;

interface Props {
  readonly choice: Choice;
  readonly onChange: (settings: Chosen) => void;
}

/** How much of this device is lent, and when. */
export function Settings({ choice: { settings, workers, onBattery }, onChange }: Props) {
  const change = (part: Partial<Chosen>) => onChange({ ...settings, ...part });
  return (
    <div className="settings">
      <Workers workers={workers} onChange={(count) => change({ workers: count })} />
      <Powers power={settings.power} onChange={(power) => change({ power })} />
      <div className="settings-rules">
        {onBattery !== undefined && (
          <Battery rule={settings.battery} onChange={(battery) => change({ battery })} />
        )}
        <HoursRule
          hours={settings.hours}
          onChange={(hours) => {
            const { hours: _, ...others } = settings;
            onChange(hours ? { ...others, hours } : others);
          }}
        />
        {canKeepAwake() && (
          <label className="settings-check">
            <input
              type="checkbox"
              checked={settings.keepAwake}
              onChange={({ target }) => change({ keepAwake: target.checked })}
            />
            {words.keepAwake}
          </label>
        )}
      </div>
    </div>
  );
}

interface WorkersProps {
  readonly workers: number;
  readonly onChange: (workers: number) => void;
}

function Workers({ workers, onChange }: WorkersProps) {
  const id = useId();
  const most = Math.max(mostWorkers(), workers);
  const text = words.workersOf(workers, coresOf());
  if (most === 1) return null;
  return (
    <div className="settings-workers">
      <label htmlFor={id}>{words.workers}</label>
      {/* The slider says the same of itself. */}
      <span aria-hidden="true">{text}</span>
      <input
        id={id}
        type="range"
        min={1}
        max={most}
        value={workers}
        aria-valuetext={text}
        onChange={({ target }) => onChange(target.valueAsNumber)}
      />
    </div>
  );
}

interface PowersProps {
  readonly power: Power;
  readonly onChange: (power: Power) => void;
}

function Powers({ power, onChange }: PowersProps) {
  const name = useId();
  const hint = useId();
  return (
    <fieldset className="settings-power" aria-describedby={hint}>
      <legend>{words.power}</legend>
      <div className="settings-choices">
        {(Object.keys(POWERS) as Power[]).map((each) => (
          <label key={each} className="settings-choice">
            <input
              type="radio"
              name={name}
              checked={each === power}
              onChange={() => onChange(each)}
            />
            <span>{words.powers[each]}</span>
          </label>
        ))}
      </div>
      <p id={hint}>{words.powerHints[power]}</p>
    </fieldset>
  );
}

interface BatteryProps {
  readonly rule: BatteryRule;
  readonly onChange: (rule: BatteryRule) => void;
}

function Battery({ rule, onChange }: BatteryProps) {
  return (
    <label className="settings-line">
      {words.battery}
      <select value={rule} onChange={({ target }) => onChange(target.value as BatteryRule)}>
        {BATTERY_RULES.map((each) => (
          <option key={each} value={each}>
            {words.batteryRules[each]}
          </option>
        ))}
      </select>
    </label>
  );
}

interface HoursProps {
  readonly hours: Hours | undefined;
  readonly onChange: (hours: Hours | undefined) => void;
}

/** Nights, when somebody only wants to begin somewhere. */
const USUAL_HOURS: Hours = { from: 22 * 60, to: 7 * 60 };

function HoursRule({ hours, onChange }: HoursProps) {
  return (
    <div className="settings-hours">
      <label className="settings-check">
        <input
          type="checkbox"
          checked={hours !== undefined}
          onChange={({ target }) => onChange(target.checked ? USUAL_HOURS : undefined)}
        />
        {words.hours}
      </label>
      {hours && (
        <span className="settings-times">
          {(['from', 'to'] as const).map((end) => (
            <label key={end}>
              {words[end]}
              <input
                type="time"
                required
                value={writeTime(hours[end])}
                onChange={({ target }) => {
                  const time = readTime(target.value);
                  if (time !== undefined) onChange({ ...hours, [end]: time });
                }}
              />
            </label>
          ))}
        </span>
      )}
    </div>
  );
}
