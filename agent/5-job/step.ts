// Fifth stage: what every kind of step is given and what it leaves.
import type { Disk } from '../../imaging/blockdev/disk.ts';
import type { FindingOptions } from '../../imaging/preflight/finding.ts';
import type { RunOptions } from '../../imaging/progress.ts';
import type { ChunkStore } from '../../imaging/store/chunk-store.ts';
import type { ServerMessage } from '../../protocol/agent-messages.ts';
import type { Approval } from '../../protocol/approval.ts';
import type { CheckedDisk } from '../../protocol/disk-check.ts';
import type { DeployError } from '../../protocol/errors.ts';
import type { StepNote } from '../../protocol/step-notes.ts';
import type { AgentContext } from '../context.ts';
import type { LogLevel } from '../screen/status.ts';

export type ScriptFacts = NonNullable<Extract<ServerMessage, { type: 'job' }>['scripts']> & { readonly jobId: string };

export type StepRun = {
  readonly context: AgentContext;
  readonly store: ChunkStore;
  /** This machine's id at its server; undefined where an older one does not say. */
  readonly machine?: string | undefined;
  /** The disks that somebody has approved; undefined when the scenario's selector is all that counts. */
  readonly approval?: Approval | undefined;
  /** A UUID of its own for this step of this job, the same whenever the job is handed out again. */
  readonly stepId: string;
  readonly run: Required<Omit<RunOptions, 'pause'> & FindingOptions> & Pick<RunOptions, 'pause'>;
  readonly log: (level: LogLevel, message: string) => void;
  /** What a script is told; undefined where the server lets none run. */
  readonly scripts?: ScriptFacts | undefined;
};

/**
 * What a step leaves: its figures (anything in the object that is a number counts) and the disk it read or wrote; a
 * check, what it found on all of them. With `error` it has done all that and not what else was asked of it: the job fails, the disk is whole.
 */
export type StepWork = {
  readonly figures: object;
  readonly disk?: Disk;
  readonly checked?: readonly CheckedDisk[];
  /** What was done and how that is known, in one line, and as codes with values. */
  readonly summary?: string;
  readonly notes?: readonly StepNote[];
  readonly error?: DeployError | null;
};
