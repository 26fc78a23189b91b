import type { MapStats } from './stats';
import { ownerStrings as strings } from './strings';
import { mapWords, percentOf } from './words';
import './Maps.scss';

interface Props {
  readonly maps: readonly MapStats[];
  /** How many run besides. */
  readonly more: number;
}

/** How far each map is that runs. */
export function Maps({ maps, more }: Props) {
  if (maps.length === 0) return null;
  return (
    <ul className="maps">
      {maps.map((map) => (
        <MapRow key={map.number} map={map} />
      ))}
      {more > 0 && <li>{strings.maps.more(more)}</li>}
    </ul>
  );
}

function MapRow({ map }: { readonly map: MapStats }) {
  const percent = percentOf([map]);
  return (
    <li data-testid="map">
      <span className="maps-name">
        <code>{map.function}</code> <span>{strings.maps.name(map)}</span>
      </span>
      {percent !== null && (
        <span className="maps-percent" data-testid="percent">
          {strings.maps.percent(percent)}
        </span>
      )}
      {map.total !== null && (
        <progress
          aria-label={strings.maps.label(map)}
          value={map.done}
          max={Math.max(1, map.total)}
        />
      )}
      <span className="maps-words">{mapWords(map).join(' · ')}</span>
    </li>
  );
}
