// What the server counts of itself while it works, as Prometheus reads it (https://prometheus.io/docs/instrumenting/exposition_formats/).
// Of one process: each server of a database is asked for itself.

export type Labels = Readonly<Record<string, string>>;
export type Kind = 'counter' | 'gauge' | 'histogram';

const secondsBuckets = [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10];
/** Of one name; what comes from outside is never a label, so that this holds. */
const maxSeries = 2000;

type Sums = { readonly counts: number[]; sum: number; count: number };

export class Metrics {
  readonly #counters = new Map<string, Map<string, number>>();
  readonly #histograms = new Map<string, Map<string, Sums>>();

  count(name: string, labels: Labels, by = 1): void {
    const series = seriesOf(this.#counters, name);
    const key = writeLabels(labels);
    if (series.size < maxSeries || series.has(key)) series.set(key, (series.get(key) ?? 0) + by);
  }

  observeSeconds(name: string, labels: Labels, seconds: number): void {
    const series = seriesOf(this.#histograms, name);
    const key = writeLabels(labels);
    let sums = series.get(key);
    if (sums === undefined) {
      if (series.size >= maxSeries) return;
      sums = { counts: secondsBuckets.map(() => 0), sum: 0, count: 0 };
      series.set(key, sums);
    }
    sums.sum += seconds;
    sums.count++;
    const bucket = secondsBuckets.findIndex((limit) => seconds <= limit);
    if (bucket >= 0) sums.counts[bucket] = (sums.counts[bucket] ?? 0) + 1;
  }

  /** Lines of the text format; a name without a help text is a mistake of this program. */
  write(help: Readonly<Record<string, string>>): string {
    const lines: string[] = [];
    for (const [name, series] of this.#counters) {
      lines.push(...writeHead(name, 'counter', help));
      for (const [key, value] of series) lines.push(`${name}${key} ${value}`);
    }
    for (const [name, series] of this.#histograms) {
      lines.push(...writeHead(name, 'histogram', help));
      for (const [key, sums] of series) lines.push(...writeHistogram(name, key, sums));
    }
    return lines.map((line) => `${line}\n`).join('');
  }
}

export function writeHead(name: string, kind: Kind, help: Readonly<Record<string, string>>): string[] {
  return [`# HELP ${name} ${help[name] ?? ''}`, `# TYPE ${name} ${kind}`];
}

export function writeLabels(labels: Labels): string {
  const pairs = Object.entries(labels).map(
    ([name, value]) => `${name}="${value.replace(/[\\"\n]/g, escapeCharacter)}"`,
  );
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function escapeCharacter(character: string): string {
  return character === '\n' ? '\\n' : `\\${character}`;
}

function writeHistogram(name: string, key: string, { counts, sum, count }: Sums): string[] {
  const within = (limit: string): string => (key === '' ? `{le="${limit}"}` : key.replace(/\}$/, `,le="${limit}"}`));
  let below = 0;
  const buckets = secondsBuckets.map((limit, index) => {
    below += counts[index] ?? 0;
    return `${name}_bucket${within(String(limit))} ${below}`;
  });
  return [
    ...buckets,
    `${name}_bucket${within('+Inf')} ${count}`,
    `${name}_sum${key} ${sum}`,
    `${name}_count${key} ${count}`,
  ];
}

function seriesOf<T>(all: Map<string, Map<string, T>>, name: string): Map<string, T> {
  const known = all.get(name);
  if (known !== undefined) return known;
  const made = new Map<string, T>();
  all.set(name, made);
  return made;
}
