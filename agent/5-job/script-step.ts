// Fifth stage, step `script`: a shell script of an administrator's, as a process group of its own, with what it says in the job's log.
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { throwIfCancelled } from '../../imaging/cancelled.ts';
import { DeployError } from '../../protocol/errors.ts';
import type { Step } from '../../protocol/scenario.ts';
import type { StepRun, StepWork } from './step.ts';

type ScriptStep = Extract<Step, { kind: 'script' }>;

/** Of what it says, so much goes to the log, which other steps need as well. */
const maxLines = 1000;
const maxLineLength = 1000;
const graceMs = 5000;
const phase = { phase: 'script', bytesDone: 0, bytesTotal: 0, bytesTransferred: 0 } as const;

/** @throws DeployError scripts-off where the server allows none; script-failed with its exit status or when its time is over; cancelled */
export async function runScript({ script, timeoutSeconds }: ScriptStep, stepRun: StepRun): Promise<StepWork> {
  const { run, log, scripts } = stepRun;
  if (scripts === undefined) {
    throw new DeployError('scripts-off', 'this server lets no scripts run; nothing of it was run', {
      hint: 'Start the server with --allow-scripts.',
    });
  }
  const digest = createHash('sha256').update(script).digest('hex');
  log('info', `running a script of ${Buffer.byteLength(script)} bytes, SHA-256 ${digest}`);
  run.onProgress(phase);
  throwIfCancelled(run.signal);
  const child = spawn('/bin/sh', ['-c', script], {
    ...{ cwd: '/', detached: true, stdio: ['ignore', 'pipe', 'pipe'] },
    env: environmentOf(scripts, stepRun),
  });
  const said = { lines: 0, leftOut: 0 };
  const heard = [child.stdout, child.stderr].map((stream) => relay(stream as Readable, said, log));
  const { status, timedOut } = await ended(child, timeoutSeconds, run.signal);
  await Promise.all(heard);
  if (said.leftOut > 0) log('warning', `the script said ${said.leftOut} more lines, which were left out`);
  throwIfCancelled(run.signal);
  if (timedOut)
    throw new DeployError('script-failed', `the script was stopped: it took longer than ${timeoutSeconds} s`);
  if (status !== 0) throw new DeployError('script-failed', `the script ended with ${status ?? 'a signal'}`);
  const summary = `the script (SHA-256 ${digest}) ended with 0`;
  return {
    figures: { status, linesLogged: said.lines },
    summary,
    notes: [{ code: 'script-ended', values: { digest } }],
  };
}

/** Nothing of the agent's own. */
function environmentOf({ machineName, parameters, jobId }: NonNullable<StepRun['scripts']>, { context }: StepRun) {
  const named = Object.entries(parameters).map(([name, value]) => [
    `DEPLOY_PARAMETER_${name.toUpperCase().replaceAll('-', '_')}`,
    value,
  ]);
  return {
    ...{
      PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
      LC_ALL: 'C',
      HOME: '/',
      DEPLOY_MACHINE: machineName,
      DEPLOY_JOB: jobId,
    },
    ...{ DEPLOY_BOOT_ID: context.bootId, ...Object.fromEntries(named) },
  };
}

/** Line by line to the log, bounded in their length and number. */
async function relay(stream: Readable, said: { lines: number; leftOut: number }, log: StepRun['log']): Promise<void> {
  stream.setEncoding('utf8');
  for await (const line of boundedLines(stream)) {
    if (said.lines >= maxLines) said.leftOut += 1;
    else log('info', `script: ${line}`);
    said.lines = Math.min(maxLines, said.lines + 1);
  }
}

/** A line that never ends must not fill the memory. */
async function* boundedLines(stream: Readable): AsyncGenerator<string> {
  let rest = '';
  for await (const text of stream as AsyncIterable<string>) {
    const [last = '', ...before] = `${rest}${text}`.split('\n').reverse();
    yield* before.reverse().map((line) => line.slice(0, maxLineLength));
    rest = last.slice(0, maxLineLength);
  }
  if (rest !== '') yield rest;
}

/** Whatever it has started ends with it. */
async function ended(
  child: ChildProcess,
  timeoutSeconds: number,
  signal: AbortSignal,
): Promise<{ status: number | null; timedOut: boolean }> {
  let timedOut = false;
  let killer: NodeJS.Timeout | undefined;
  const stop = () => {
    killGroup(child, 'SIGTERM');
    killer ??= setTimeout(() => killGroup(child, 'SIGKILL'), graceMs);
  };
  const timer = setTimeout(() => {
    timedOut = true;
    stop();
  }, timeoutSeconds * 1000);
  signal.addEventListener('abort', stop);
  try {
    const status = await new Promise<number | null>((resolve, reject) => {
      child.once('error', (cause) => reject(new DeployError('tool-missing', '/bin/sh cannot be run', { cause })));
      child.once('exit', resolve);
    });
    return { status, timedOut };
  } finally {
    clearTimeout(timer);
    clearTimeout(killer);
    signal.removeEventListener('abort', stop);
    killGroup(child, 'SIGKILL');
  }
}

function killGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // Nobody of it is left.
  }
}
