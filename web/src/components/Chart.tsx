import { useEffect, useRef } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { HISTORY_S } from '../pool/statistics';
import { strings } from '../strings';

interface Props {
  /** Items per second, one value a second, the last one now. */
  readonly history: readonly number[];
  readonly rate: number;
}

const HEIGHT = 152;
const SHORTEST_S = 60;
const FONT = '12px system-ui, sans-serif';

/** The rate over time. Colours are read when drawing, so that they follow the page's scheme. */
export default function Chart({ history, rate }: Props) {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(null);

  useEffect(() => {
    const element = host.current;
    if (!element) return;
    const made = new uPlot(options(element.clientWidth), [[], []], element);
    plot.current = made;
    const resizes = new ResizeObserver(() =>
      made.setSize({ width: element.clientWidth, height: HEIGHT }),
    );
    resizes.observe(element);
    const scheme = matchMedia('(prefers-color-scheme: dark)');
    const redraw = () => made.redraw();
    scheme.addEventListener('change', redraw);
    return () => {
      scheme.removeEventListener('change', redraw);
      resizes.disconnect();
      made.destroy();
    };
  }, []);

  useEffect(() => {
    const seconds = history.map((_, index) => index + 1 - history.length);
    plot.current?.setData([seconds, [...history]]);
  }, [history]);

  return <div ref={host} role="img" aria-label={strings.tally.chart(rate)} />;
}

function options(width: number): uPlot.Options {
  const axis: uPlot.Axis = {
    stroke: () => colour('--quiet'),
    font: FONT,
    grid: { stroke: () => colour('--line'), width: 1 },
    ticks: { show: false },
  };
  return {
    width,
    height: HEIGHT,
    legend: { show: false },
    cursor: { show: false },
    scales: {
      x: { time: false, range: (plot) => [-span(plot.data[0].length), 0] },
      y: { range: (_plot, _low, high) => [0, Math.max(1, (high ?? 0) * 1.1)] },
    },
    axes: [
      {
        ...axis,
        grid: { show: false },
        size: 32,
        gap: 10,
        splits: (plot) => {
          const length = span(plot.data[0].length);
          return [-length, -length / 2, 0];
        },
        values: (_plot, splits) =>
          splits.map((second) => (second === 0 ? strings.tally.now : strings.tally.ago(-second))),
      },
      { ...axis, size: 40, gap: 10, space: 36 },
    ],
    series: [
      {},
      {
        stroke: () => colour('--accent'),
        fill: () => colour('--accent-soft'),
        width: 2,
        points: { show: false },
      },
    ],
  };
}

/** One minute at first, then in steps up to all that is kept, so that the axis rarely moves. */
function span(seconds: number): number {
  return [SHORTEST_S, 2 * SHORTEST_S].find((length) => seconds <= length) ?? HISTORY_S;
}

function colour(property: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(property);
}
