// A bounded series of how fast a job goes: when it is full, two neighbours become one, and from then on a figure is the mean of twice the time.
export type Point = { readonly atMs: number; readonly bytesPerSecond: number };
export type Series = {
  /** Two points are at least so far apart. */
  readonly everyMs: number;
  readonly points: readonly Point[];
};

export const maxPoints = 240;
export const noSeries: Series = { everyMs: 1000, points: [] };

/** One that comes sooner than `everyMs` after the last is left out; a clock that went back begins no second line. */
export function addPoint(series: Series, point: Point): Series {
  const last = series.points.at(-1);
  if (last !== undefined && point.atMs < last.atMs + series.everyMs) return series;
  const longer = { ...series, points: [...series.points, point] };
  return longer.points.length > maxPoints ? thin(longer) : longer;
}

/** What another server has kept, and what came after it here. */
export function joinSeries(before: Series, after: Series): Series {
  return after.points.reduce(addPoint, before);
}

function thin({ everyMs, points }: Series): Series {
  const pairs = Array.from({ length: Math.ceil(points.length / 2) }, (_, i) => points.slice(2 * i, 2 * i + 2));
  const means = pairs.map((pair) => ({
    atMs: pair.at(-1)?.atMs ?? 0,
    bytesPerSecond: Math.round(pair.reduce((sum, { bytesPerSecond }) => sum + bytesPerSecond, 0) / pair.length),
  }));
  return { everyMs: 2 * everyMs, points: means };
}
