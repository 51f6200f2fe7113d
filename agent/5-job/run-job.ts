// Fifth stage: the steps of one job, one after another; the first that fails ends it.
import { createHash } from 'node:crypto';
import type { Pause } from '../../imaging/pause.ts';
import type { Finding } from '../../imaging/preflight/finding.ts';
import type { Progress } from '../../imaging/progress.ts';
import type { ChunkStore } from '../../imaging/store/chunk-store.ts';
import type { ServerMessage, StepResult } from '../../protocol/agent-messages.ts';
import type { Approval } from '../../protocol/approval.ts';
import { type DeployError, toDeployError } from '../../protocol/errors.ts';
import type { Step } from '../../protocol/scenario.ts';
import { describeDisk } from '../../protocol/select-disk.ts';
import type { AgentContext } from '../context.ts';
import type { LogLevel } from '../screen/status.ts';
import { boundWarnings } from './bound-warnings.ts';
import { captureDisk } from './capture-step.ts';
import { checkDisks } from './check-step.ts';
import { Meter } from './meter.ts';
import { restoreDisk } from './restore-step.ts';
import { runScript } from './script-step.ts';
import type { ScriptFacts, StepRun, StepWork } from './step.ts';
import { wipeStep } from './wipe-step.ts';

export type Job = Extract<ServerMessage, { type: 'job' }>;

export type JobOutcome = {
  readonly results: StepResult[];
  readonly error: DeployError | null;
  /** True when a step failed after it had begun to write: the machine has no disk that it could boot from. */
  readonly diskHalfWritten: boolean;
};

type JobListener = {
  /** A step begins, or a new phase of it; figures in between are for the reader of `meter`. */
  readonly onPhase: (step: number, meter: Meter) => void;
  readonly log: (level: LogLevel, message: string) => void;
};

type JobRun = {
  readonly context: AgentContext;
  readonly store: ChunkStore;
  readonly signal: AbortSignal;
  readonly pause?: Pause;
  readonly machine?: string | undefined;
  readonly approval?: Approval | undefined;
  readonly scripts?: ScriptFacts | undefined;
  readonly listener: JobListener;
};

/** Phases of a restore that leave the disk alone: `capture` is of what was made smaller. */
const beforeWriting: ReadonlySet<Progress['phase']> = new Set(['map', 'capture']);

/** Runs the steps to their end or to the first failure; does not throw. */
export async function runJob(job: Job, run: JobRun): Promise<JobOutcome> {
  const results: StepResult[] = [];
  let wrote = false;
  try {
    for (const [index, step] of job.steps.entries()) {
      await run.pause?.wait(run.signal);
      wrote = false;
      const { result, error } = await runStep(
        { index, id: stepIdOf(job.jobId, index) },
        step,
        { ...run, machine: job.machineId, approval: job.approval, scripts: scriptFactsOf(job) },
        () => {
          wrote = true;
        },
      );
      results.push(result);
      if (error !== null) return { results, error, diskHalfWritten: false };
    }
    return { results, error: null, diskHalfWritten: false };
  } catch (thrown) {
    return { results, error: toDeployError(thrown), diskHalfWritten: wrote };
  }
}

function scriptFactsOf({ jobId, scripts }: Job): ScriptFacts | undefined {
  return scripts === undefined ? undefined : { ...scripts, jobId };
}

/** A UUID (version 8 of RFC 9562: the rest is a digest). */
function stepIdOf(jobId: string, index: number): string {
  const hex = createHash('sha256').update(`${jobId}/${index}`).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    '-',
  );
}

async function runStep(
  { index, id }: { index: number; id: string },
  step: Step,
  job: JobRun,
  onWrite: () => void,
): Promise<{ result: StepResult; error: DeployError | null }> {
  const meter = new Meter();
  const warnings: string[] = [];
  job.listener.onPhase(index, meter);
  const onProgress = (progress: Progress): void => {
    if (overwrites(step) && !beforeWriting.has(progress.phase)) onWrite();
    if (meter.update(progress)) job.listener.onPhase(index, meter);
  };
  const onWarning = (message: string): void => {
    warnings.push(message);
    job.listener.log('warning', message);
  };
  const findings: Finding[] = [];
  const onFinding = (finding: Finding): void => {
    const { code, severity, message, advice } = finding;
    findings.push(finding);
    job.listener.log(severity === 'info' ? 'info' : 'warning', `${message} (${code}). ${advice}`);
  };
  const {
    figures,
    disk,
    checked,
    summary,
    notes,
    error = null,
  } = await workOf(step, {
    context: job.context,
    store: job.store,
    stepId: id,
    machine: job.machine,
    approval: job.approval,
    scripts: job.scripts,
    run: {
      onProgress,
      onWarning,
      onFinding,
      signal: job.signal,
      ...(job.pause === undefined ? {} : { pause: job.pause }),
    },
    log: job.listener.log,
  });
  const result = {
    kind: step.kind,
    figures: numbersOf(figures),
    secondsByPhase: meter.secondsByPhase(),
    warnings: boundWarnings(warnings),
    findings: findings.slice(0, 100),
    ...(summary === undefined ? {} : { summary: summary.slice(0, 1024) }),
    ...(notes === undefined ? {} : { notes: [...notes] }),
    ...(disk === undefined ? {} : { disk: { id: disk.id, devicePath: disk.devicePath, label: describeDisk(disk) } }),
    ...imageOf(figures),
    ...(checked === undefined ? {} : { disks: checked }),
  };
  return { result, error };
}

function overwrites({ kind }: Step): boolean {
  return kind === 'restore' || kind === 'wipe';
}

function workOf(step: Step, run: StepRun): Promise<StepWork> {
  switch (step.kind) {
    case 'capture':
      return captureDisk(step, run);
    case 'restore':
      return restoreDisk(step, run);
    case 'check':
      return checkDisks(run);
    case 'wipe':
      return wipeStep(step, run);
    case 'script':
      return runScript(step, run);
  }
}

/** What a capture and a restore say of their image. */
function imageOf(figures: object): Pick<StepResult, 'image'> {
  const { id, name, rootDigest } = figures as Record<string, unknown>;
  if (typeof id !== 'string' || typeof name !== 'string' || typeof rootDigest !== 'string') return {};
  return { image: { id, name, rootDigest } };
}

function numbersOf(figures: object): Record<string, number> {
  const numbers = Object.entries(figures).filter((entry): entry is [string, number] => Number.isFinite(entry[1]));
  return Object.fromEntries(numbers);
}
