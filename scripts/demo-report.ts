// What the demo prints: its steps while they run, and the table at the end.
import { formatBytes, printTable } from '../cli/output.ts';
import type { StepResult } from '../protocol/agent-messages.ts';

/** A step of the demo that failed; it has been told already. */
export class StepFailed extends Error {}

export class DemoReport {
  readonly #steps: [string, number][] = [];
  readonly #startedMs = performance.now();

  /** Runs one step; what goes wrong in it is told with its name and its log. */
  async step<T>(name: string, log: string, work: () => Promise<T>): Promise<T> {
    const startedMs = performance.now();
    console.error(`\n[${this.#steps.length + 1}] ${name}`);
    try {
      const result = await work();
      this.#steps.push([name, secondsSince(startedMs)]);
      console.error(`    done in ${secondsSince(startedMs).toFixed(1)} s`);
      return result;
    } catch (error) {
      console.error(`\ndemo: step '${name}' failed; its log: ${log}\n${(error as Error).message}`);
      throw new StepFailed(name, { cause: error });
    }
  }

  printSteps(): void {
    const rows: [string, number][] = [...this.#steps, ['in all', secondsSince(this.#startedMs)]];
    console.log();
    printTable(
      ['STEP', 'SECONDS'],
      rows.map(([name, seconds]) => [name, seconds.toFixed(1)]),
    );
  }
}

function secondsSince(startedMs: number): number {
  return (performance.now() - startedMs) / 1000;
}

/** The agents' own figures of the two jobs, side by side. */
export function printResults(capture: StepResult, restore: StepResult): void {
  const columns = [describeResult(capture), describeResult(restore)];
  const names = new Set(columns.flatMap((column) => [...column.keys()]));
  console.log();
  printTable(
    ['', 'CAPTURE', 'RESTORE'],
    [...names].map((name) => [name, ...columns.map((column) => column.get(name) ?? '')]),
  );
}

/** The agent's names of its figures, in the reader's words; the order is the table's. */
const figureWords: Record<string, string> = {
  sizeBytes: 'disk',
  usedBytes: 'in use',
  bytesRead: 'read from the disk',
  bytesSent: 'sent to the server, compressed',
  bytesFetched: 'fetched from the server, compressed',
  bytesWritten: 'written to the disk',
  bytesVerified: 'read back and compared',
};

function describeResult({ figures, secondsByPhase }: StepResult): Map<string, string> {
  const column = new Map<string, string>();
  for (const [figure, words] of Object.entries(figureWords)) {
    const value = figures[figure];
    if (value !== undefined) column.set(words, formatBytes(value));
  }
  for (const [phase, seconds] of Object.entries(secondsByPhase))
    column.set(`phase ${phase}`, `${seconds.toFixed(1)} s`);
  return column;
}
