// One plot of throughput by uPlot, in the colours of the theme, as wide as its place.
import type uPlot from 'uplot';
import type { Sample } from '../api/throughput.svelte.ts';

export type Plot = { show(samples: readonly Sample[]): void; remove(): void };
type Options = {
  readonly heightPixels: number;
  /** Only to have it drawn anew when it changes. */
  readonly theme: string;
  readonly words: { rate(bytesPerSecond: number): string; time(ms: number): string };
};

/** Whole seconds, and rates that are round when written in powers of 1024. */
const timeSteps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600].map((seconds) => seconds * 1000);
const rateSteps = [0, 10, 20, 30].flatMap((power) =>
  [1, 5, 10, 25, 50, 100, 250, 500].map((step) => step * 2 ** power),
);
const leastSpanMs = 60_000;

/** A minute at least: the first seconds stand at the right, where those that follow will. */
function spanOf(low: number | null, high: number | null): [number, number] {
  const end = high ?? Date.now();
  return [Math.min(low ?? end, end - leastSpanMs), end];
}

export async function drawPlot(place: HTMLElement, { heightPixels, words }: Options): Promise<Plot> {
  const [{ default: UPlot }] = await Promise.all([import('uplot'), import('uplot/dist/uPlot.min.css')]);
  const [line, grid, text] = ['--accent', '--line', '--muted'].map((name) => resolveColour(place, name));
  const font = `12px ${getComputedStyle(place).fontFamily}`;
  const axis = { stroke: text, font, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, width: 1 } };
  const options = {
    width: Math.max(200, place.clientWidth),
    height: heightPixels,
    padding: [8, 12, 0, 0],
    legend: { show: false },
    cursor: { show: false },
    scales: {
      x: { time: false, range: (_plot: uPlot, low: number | null, high: number | null) => spanOf(low, high) },
      y: { range: (_plot: uPlot, _low: number | null, high: number | null) => [0, Math.max(1, (high ?? 0) * 1.1)] },
    },
    axes: [
      {
        ...axis,
        size: 30,
        space: 90,
        incrs: timeSteps,
        values: (_plot: uPlot, ticks: number[]) => ticks.map((ms) => words.time(ms)),
      },
      {
        ...axis,
        size: 84,
        incrs: rateSteps,
        values: (_plot: uPlot, ticks: number[]) => ticks.map((rate) => words.rate(rate)),
      },
    ],
    series: [
      {},
      { stroke: line, width: 2, fill: `color-mix(in srgb, ${line} 14%, transparent)`, points: { show: false } },
    ],
  } as uPlot.Options;
  const drawn = new UPlot(options, [[], []], place);
  const resized = new ResizeObserver(() =>
    drawn.setSize({ width: Math.max(200, place.clientWidth), height: heightPixels }),
  );
  resized.observe(place);
  return {
    show: (samples) =>
      drawn.setData([samples.map(({ atMs }) => atMs), samples.map(({ bytesPerSecond }) => bytesPerSecond)]),
    remove: () => {
      resized.disconnect();
      drawn.destroy();
    },
  };
}

/** A canvas knows no custom properties, and none of their light and dark values. */
function resolveColour(place: HTMLElement, property: string): string {
  const probe = document.createElement('span');
  probe.style.color = `var(${property})`;
  place.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
