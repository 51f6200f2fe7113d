// Notices a job that does not move any more, and says what its threads and the kernel wait for.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '../screen/status.ts';

/** Of what a job reports: while none of it changes, it does not move. */
export type Position = {
  readonly step: number;
  readonly phase: string;
  readonly bytesDone: number;
  readonly bytesTransferred: number;
};

/** A phase without figures of its own (a flush, a discard, a tool that grows a file system) may well take this long. */
const firstAfterMs = 120_000;

export class StallWatch {
  readonly #log: Log;
  readonly #describe: () => Promise<string[]>;
  #at = '';
  #sinceMs = 0;
  #nextAfterMs = firstAfterMs;
  #told = false;

  constructor(log: Log, describe: () => Promise<string[]> = () => describeWaiting()) {
    this.#log = log;
    this.#describe = describe;
  }

  /** To be called at every report. Tells after two minutes, and each time after twice as long. */
  async look({ step, phase, bytesDone, bytesTransferred }: Position, nowMs = performance.now()): Promise<void> {
    const at = `${step} ${phase} ${bytesDone} ${bytesTransferred}`;
    const stoodMs = nowMs - this.#sinceMs;
    if (at !== this.#at) {
      if (this.#told) this.#log('info', `the job goes on after ${seconds(stoodMs)}`);
      this.#at = at;
      this.#sinceMs = nowMs;
      this.#nextAfterMs = firstAfterMs;
      this.#told = false;
      return;
    }
    if (stoodMs < this.#nextAfterMs) return;
    this.#nextAfterMs *= 2;
    this.#told = true;
    const waiting = await this.#describe().catch(() => []);
    const what = `the job has not moved for ${seconds(stoodMs)} (phase ${phase}, ${bytesDone} bytes done)`;
    this.#log('warning', [what, ...waiting].join('\n'));
  }
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`;
}

const maxTasks = 24;
const maxFrames = 8;

/**
 * The threads of this process, and whatever else waits for a device: a line for each, with the kernel's functions it is in (proc(5), `stack`,
 * which root may read). `proc` is /proc.
 */
export async function describeWaiting(proc = '/proc', self = String(process.pid)): Promise<string[]> {
  const lines: string[] = [];
  const pids = (await readdir(proc).catch(() => [])).filter((name) => /^\d+$/.test(name));
  for (const pid of [self, ...pids.filter((other) => other !== self)]) {
    for (const task of await readdir(join(proc, pid, 'task')).catch(() => [])) {
      if (lines.length >= maxTasks) return lines;
      const line = await describeTask(join(proc, pid, 'task', task), pid === self);
      if (line !== null) lines.push(line);
    }
  }
  return lines;
}

async function describeTask(directory: string, always: boolean): Promise<string | null> {
  const stat = await readFile(join(directory, 'stat'), 'latin1').catch(() => '');
  // The name stands in parentheses, and may hold some itself.
  const [, id, name, state] = /^(\d+) \((.*)\) (\S)/s.exec(stat) ?? [];
  if (state === undefined || !(always || state === 'D')) return null;
  const stack = await readFile(join(directory, 'stack'), 'latin1').catch(() => '');
  const frames = [...stack.matchAll(/^\[<\S+>\] ([^\s+]+)/gm)].map(([, frame]) => frame).slice(0, maxFrames);
  return `${name} (${id}) ${state}: ${frames.join(' < ') || 'not in the kernel'}`;
}
