// What a person or a script sees: JSON or a table on stdout, progress and errors on stderr.
import { type DeployError, errorCatalogue, toErrorBody } from '../protocol/errors.ts';

export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

/** Text of other machines, on one line, that steers no terminal. */
export function withoutControls(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]/gu, '?');
}

/** Prints rows in aligned columns below their headings. Labels and models come from disks: nothing in a cell steers the terminal. */
export function printTable(headings: readonly string[], cells: readonly (readonly string[])[]): void {
  const rows = cells.map((row) => row.map(withoutControls));
  const widths = headings.map((heading, i) => Math.max(heading.length, ...rows.map((row) => (row[i] ?? '').length)));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd();
  process.stdout.write(`${[headings, ...rows].map(line).join('\n')}\n`);
}

/** The error on stderr in a person's words; with `json` also as one JSON object on stdout. */
export function printError(error: DeployError, json: boolean): void {
  if (json) printJson({ error: toErrorBody(error) });
  process.stderr.write(`deploy-os: ${error.message}\n`);
  if (error.hint !== undefined) process.stderr.write(`  ${error.hint}\n`);
  if (error.code === 'internal' && error.cause instanceof Error) process.stderr.write(`${error.cause.stack}\n`);
}

/** For a command whose result is printed already and tells of damage: the error on stderr, and its exit status. */
export function failWith(error: DeployError | null): void {
  if (error === null) return;
  printError(error, false);
  process.exitCode = errorCatalogue[error.code].exitStatus;
}

/** Of this machine's own, or of a job that a newer agent ran. */
type FindingWords = Record<'code' | 'severity' | 'message' | 'advice', string>;

/** `warning: partition 1: … (domain-controller)`, and below it what to do. */
export function describeFinding({ code, severity, message, advice }: FindingWords): string {
  return `${severity === 'info' ? 'note' : severity}: ${message} (${code})\n  ${advice}`;
}

/** `1.5 GiB`; binary units throughout. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  return power === 0 ? `${bytes} B` : `${(bytes / 2 ** (10 * power)).toFixed(1)} ${units[power]}`;
}

/** A progress line on stderr: redrawn in place on a terminal, one line every five seconds elsewhere. */
export class ProgressLine {
  readonly #terminal = process.stderr.isTTY;
  readonly #intervalMs = process.stderr.isTTY ? 200 : 5000;
  #phase = '';
  #startedMs = performance.now();
  #drawnMs = -Infinity;

  /** Cheap to call often: draws at most once an interval, and whenever the phase changes or ends. */
  update(phase: string, done: number, total: number, note = ''): void {
    const nowMs = performance.now();
    const changed = phase !== this.#phase;
    if (changed) {
      this.end();
      this.#phase = phase;
      this.#startedMs = nowMs;
    } else if (nowMs - this.#drawnMs < this.#intervalMs && done < total) return;
    this.#drawnMs = nowMs;
    const seconds = (nowMs - this.#startedMs) / 1000;
    const rate = seconds > 0.2 ? done / seconds : 0;
    const percent = total > 0 ? Math.floor((100 * done) / total) : 100;
    const eta = rate > 0 && done < total ? `, ${Math.ceil((total - done) / rate)} s left` : '';
    const text = `${phase.padEnd(10)} ${String(percent).padStart(3)} %  ${formatBytes(done)} of ${formatBytes(total)}, ${formatBytes(Math.round(rate))}/s${eta}${note}`;
    process.stderr.write(this.#terminal ? `\r\x1b[K${text}` : `${text}\n`);
  }

  end(): void {
    if (this.#terminal && this.#phase !== '') process.stderr.write('\n');
    this.#phase = '';
  }
}

/** An AbortSignal that Ctrl-C and SIGTERM raise; the second Ctrl-C ends the process at once. */
export function interruptSignal(): AbortSignal {
  const controller = new AbortController();
  const interrupt = (): void => {
    if (controller.signal.aborted) process.exit(130);
    process.stderr.write('\nstopping (again to stop at once)\n');
    controller.abort();
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  return controller.signal;
}
