// Keeps a child process running: started again with growing pauses when it dies, stopped with the server (R1).
import { type ChildProcess, spawn } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyBaseLogger } from 'fastify';

type SuperviseOptions = {
  /** The program and its arguments. */
  readonly command: readonly string[];
  readonly log: FastifyBaseLogger;
  onLine(line: string): void;
};

export type Supervised = {
  readonly processId: number | undefined;
  isRunning(): boolean;
  /** How often it had to be started again. */
  restarts(): number;
  /** Ends the process that runs, whatever it does: another is started. */
  restart(): void;
  stop(): Promise<void>;
};

const firstPauseMs = 500;
const maxPauseMs = 30_000;
/** A process that lived so long is not in a crash loop. */
const healthyMs = 60_000;
const stopGraceMs = 3000;

export function superviseProcess(options: SuperviseOptions): Supervised {
  const { log } = options;
  const [program = '', ...args] = options.command;
  let child: ChildProcess | undefined;
  let timer: NodeJS.Timeout | undefined;
  let stopping = false;
  let pauseMs = firstPauseMs;
  let restarts = 0;

  function start(): void {
    const startedMs = performance.now();
    child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr]) {
      if (stream !== null) createInterface({ input: stream }).on('line', (line) => options.onLine(line));
    }
    let ended = false;
    const onEnd = (reason: string): void => {
      if (ended || stopping) return;
      ended = true;
      pauseMs = performance.now() - startedMs > healthyMs ? firstPauseMs : Math.min(2 * pauseMs, maxPauseMs);
      log.error({ reason, againInMs: pauseMs }, `${program} ended; starting it again`);
      timer = setTimeout(() => {
        restarts++;
        start();
      }, pauseMs);
    };
    child.once('error', (error) => onEnd(error.message));
    child.once('exit', (code, signal) => onEnd(signal ?? `exit status ${code}`));
  }

  start();
  return {
    get processId() {
      return child?.pid;
    },
    isRunning: () => child?.pid !== undefined && child.exitCode === null && child.signalCode === null,
    restarts: () => restarts,
    restart: () => {
      child?.kill('SIGKILL');
    },
    stop: () => {
      stopping = true;
      clearTimeout(timer);
      return child === undefined ? Promise.resolve() : endProcess(child);
    },
  };
}

function endProcess(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(() => child.kill('SIGKILL'), stopGraceMs);
    child.once('exit', () => {
      clearTimeout(timer);
      resolve();
    });
    child.kill('SIGTERM');
  });
}

/** Ends a process with this very command line that a killed server left behind: it would hold the ports. */
export async function endOrphan(command: readonly string[], log: FastifyBaseLogger): Promise<void> {
  const wanted = `${command.join('\0')}\0`;
  for (const name of (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry))) {
    const commandLine = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '');
    if (commandLine !== wanted) continue;
    log.warn({ processId: Number(name) }, `ending the ${command[0]} that an earlier server left behind`);
    process.kill(Number(name), 'SIGKILL');
    // Its sockets are free once it is gone.
    for (let tries = 0; tries < 50 && (await isRunning(name)); tries++) await sleep(20);
  }
}

function isRunning(processId: string): Promise<boolean> {
  return readFile(`/proc/${processId}/cmdline`, 'utf8').then(
    (text) => text !== '',
    () => false,
  );
}
