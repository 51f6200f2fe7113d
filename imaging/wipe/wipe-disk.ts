// The recipe of a wipe: check the target as a restore does, open it exclusively, discard, overwrite or have it erase itself, read it back, and say what that shows.
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { DeployError, toDeployError } from '../../protocol/errors.ts';
import { checkTarget } from '../blockdev/check-target.ts';
import { readLocks } from '../blockdev/locks.ts';
import { describeDiskFile, statDiskFile } from '../blockdev/open-reader.ts';
import { readReservations } from '../blockdev/reservations.ts';
import { announceChange, blankRanges, discardRange, flushTarget, openTarget, type Target } from '../blockdev/target.ts';
import { identifyTarget } from '../blockdev/target-identity.ts';
import { throwIfCancelled } from '../cancelled.ts';
import { PhaseClock } from '../phase-clock.ts';
import { checkTables } from '../plan-restore.ts';
import { type FindingOptions, report } from '../preflight/finding.ts';
import { findClusterFileSystems, findShared } from '../preflight/shared-disk.ts';
import type { ProgressPhase, RunOptions } from '../progress.ts';
import { readPresentTarget } from '../read-present-target.ts';
import type { Digest } from '../store/chunk-store.ts';
import { canReadDirectly } from '../write-image.ts';
import { chooseEraseWay, erasesItself, type WipeMethod } from './erase-ways.ts';
import { overwriteTarget } from './overwrite.ts';
import type { PatternKind } from './pattern.ts';
import { waitForErase } from './poll-erase.ts';
import { findSanitizers, readRunningErase } from './sanitize.ts';
import type { EraseFacts, Sanitizer } from './sanitizer.ts';
import { type Evidence, takeSamples, verifyWiped } from './verify-wiped.ts';
import { tellWipeNote, type WipeNote } from './wipe-notes.ts';

export type WipeOptions = RunOptions &
  FindingOptions & {
    /** A disk, or a disk file. */
    readonly targetPath: string;
    readonly method: WipeMethod;
    /** Of an overwrite. Zeros unless told. */
    readonly pattern?: PatternKind;
    readonly allowMember?: boolean;
    readonly allowShared?: boolean;
    /** The digest of its first and last MiB that was approved; another refuses the wipe. */
    readonly approvedTables?: Digest;
    /** Asked last, right before the first write: what it throws refuses the wipe. */
    readonly confirmTarget?: () => Promise<void>;
  };

export type WipeResult = {
  /** What was done: `discard`, `overwritten with zeros`, `NVMe Format (user data erase)`. */
  readonly done: string;
  /** What the read-back showed, in words. */
  readonly verified: string;
  /** Both as codes with values. */
  readonly notes: readonly WipeNote[];
  readonly sizeBytes: number;
  readonly bytesWritten: number;
  readonly bytesVerified: number;
  /** Where an overwrite of before was cut off, and this one went on. */
  readonly resumedAtBytes: number;
  readonly seconds: number;
  readonly secondsByPhase: { readonly [Phase in ProgressPhase]?: number };
};

type Work = Omit<WipeResult, 'sizeBytes' | 'seconds' | 'secondsByPhase'>;
/** In which state the target is by now, in words that follow its name; null while it is as it was. */
type State = { now: string | null };

/**
 * Wipes all of the target and reads it back.
 * @throws target-…, disk-locked, shared-disk, wipe-unsupported (nothing written); target-write, target-vanished, read-back-mismatch, cancelled (in which state it is, the message says)
 */
export async function wipeDisk(options: WipeOptions): Promise<WipeResult> {
  const { targetPath } = options;
  const state: State = { now: null };
  const clock = new PhaseClock();
  try {
    clock.begin('prepare');
    await waitForEarlierErase(options, state);
    const locked = options.method === 'secure-erase' && (await readLocks(targetPath)).ata === 'locked';
    const facts = await checkTarget(targetPath, { allowMember: options.allowMember ?? false, allowLocked: locked });
    if (!facts.exists) throw new DeployError('device-not-found', `there is no ${targetPath}`);
    if (!locked) await refuseShared(options);
    const sanitizer = await chooseSanitizer({ ...facts, path: targetPath }, options);
    // One that erases itself, and goes on with it when this is cancelled, cannot be read: nobody is to look at it because it was closed.
    const target = await openTarget({ ...facts, path: targetPath }, 0, { writes: sanitizer === null });
    try {
      await checkPresent(target, options, locked);
      await options.confirmTarget?.();
      throwIfCancelled(options.signal);
      const direct = await canReadDirectly(target);
      if (!direct)
        options.onWarning?.(
          `${target.label} cannot be read past the page cache: the read-back may have come from memory`,
        );
      const work = await wipe(target, { ...options, sanitizer, direct, clock, state, locked });
      return { ...work, sizeBytes: target.sizeBytes, ...clock.end() };
    } finally {
      await target.handle.close();
      // Of a disk that goes on with erasing itself the kernel would try to read for minutes.
      if (state.now !== null && (await readRunningErase(targetPath)) === null) await announceChange(target);
    }
  } catch (thrown) {
    throw withState(toDeployError(thrown), targetPath, state);
  }
}

async function refuseShared({ targetPath, allowShared = false, onFinding }: WipeOptions): Promise<void> {
  const facts = {
    clusterFileSystems: await findClusterFileSystems(targetPath),
    reservations: await readReservations(targetPath),
  };
  const findings = findShared(facts, { allowShared, doing: 'overwritten' });
  report(findings, onFinding === undefined ? {} : { onFinding });
}

/** One that was begun before, and that went on over a power cut: what was asked for comes after it. */
async function waitForEarlierErase({ targetPath, ...run }: WipeOptions, state: State): Promise<void> {
  const look = () => readRunningErase(targetPath);
  if ((await look()) === null) return;
  run.onWarning?.(`${targetPath} is still erasing itself, as it was told before: that is waited for`);
  state.now = `${targetPath} ${goesOn}`;
  const { sizeBytes } = await describeDiskFile(targetPath, await statDiskFile(targetPath));
  await waitForErase(async () => (await look()) ?? { state: 'done', fraction: 1 }, targetPath, {
    signal: run.signal,
    onProgress: reportErase(run, sizeBytes),
  });
  state.now = null;
}

/** A locked one cannot be read: what was approved of its content cannot be compared. @throws target-changed */
async function checkPresent(target: Target, { approvedTables }: WipeOptions, locked: boolean): Promise<void> {
  if (!locked)
    return checkTables(
      approvedTables,
      await identifyTarget(target.path, { ...target, exists: true }),
      await readPresentTarget(target),
    );
  if (approvedTables === undefined) return;
  throw new DeployError(
    'target-changed',
    `${target.label} is locked now: whether it holds what was approved cannot be read`,
    { hint: 'Check the disks again, and approve that.' },
  );
}

type Asked = Pick<Target, 'path' | 'label' | 'kind'>;

/** Null for what is done from here. @throws wipe-unsupported when the disk shall erase itself and cannot */
async function chooseSanitizer(target: Asked, { method, onWarning }: WipeOptions): Promise<Sanitizer | null> {
  if (method === 'discard') await requireDiscard(target);
  if (!erasesItself(method)) return null;
  const { sanitizers, hindrances } = await askForWays(target, method);
  const way = chooseEraseWay(method, { ways: sanitizers.map((one) => one.way), hindrances }, target.label);
  const why = hindrances.map((hindrance) => `: ${hindrance}`).join('');
  if (way === null) onWarning?.(`${target.label} cannot erase itself${why}: it is overwritten instead`);
  return sanitizers.find((one) => one.way === way) ?? null;
}

async function askForWays(target: Asked, method: WipeMethod): Promise<EraseFacts> {
  try {
    return await findSanitizers(target, { withPassword: method === 'secure-erase' });
  } catch (thrown) {
    const { code, message } = toDeployError(thrown);
    if (method !== 'auto' || code !== 'tool-missing') throw thrown;
    return { sanitizers: [], hindrances: [message] };
  }
}

/** @throws wipe-unsupported */
async function requireDiscard({ path, label, kind }: Asked): Promise<void> {
  if (kind === 'file') return;
  const most = await readFile(`/sys/class/block/${basename(path)}/queue/discard_max_bytes`, 'utf8').catch(() => '0');
  if (Number(most) > 0) return;
  throw new DeployError('wipe-unsupported', `${label} does not take a discard`, { hint: 'Use --method overwrite.' });
}

type Wiping = WipeOptions & {
  readonly sanitizer: Sanitizer | null;
  readonly direct: boolean;
  readonly clock: PhaseClock;
  readonly state: State;
  /** By an ATA password: nothing is known of what is on it. */
  readonly locked: boolean;
};

const partlyThere = 'its tables are gone, and some of what was on it may still be there';
const goesOn = 'goes on erasing itself, also after a power cut, and can be neither read nor written until it is done';

async function wipe(target: Target, wiping: Wiping): Promise<Work> {
  const { sanitizer, method, state, pattern = 'zeros' } = wiping;
  if (sanitizer !== null) return await sanitize(target, sanitizer, wiping);
  if (method === 'discard') return await discard(target, wiping);
  const written = await overwriteTarget(target, {
    ...{ ...wiping, pattern },
    onFirstWrite: () => {
      state.now = `${target.path} was being overwritten: ${partlyThere}`;
    },
  });
  const bytes = String(target.sizeBytes);
  return {
    ...written,
    ...tell({ code: 'overwritten', values: { pattern } }, { code: 'read-as-written', values: { bytes, pattern } }),
  };
}

function tell(done: WipeNote, verified: WipeNote): Pick<Work, 'done' | 'verified' | 'notes'> {
  return { done: tellWipeNote(done), verified: tellWipeNote(verified), notes: [done, verified] };
}

const edgeBytes = 2 ** 20;

async function discard(target: Target, wiping: Wiping): Promise<Work> {
  const { clock, signal, state, direct } = wiping;
  const before = await takeSamples(target, direct);
  clock.begin('discard');
  state.now = `${target.path} was being discarded: ${partlyThere}`;
  report0('discard', target, wiping);
  // A disk may keep what it was told to forget: tables and superblocks go in any case.
  const edges = edgesOf(target);
  await blankRanges(target, edges);
  if (!(await discardRange(target, { startBytes: 0, lengthBytes: target.sizeBytes }, signal))) {
    throw new DeployError('target-write', `${target.label} refused the discard`, { hint: 'Use --method overwrite.' });
  }
  await blankRanges(target, edges);
  const bytesWritten = edges.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
  const { note, bytesVerified } = await verify(target, before, wiping);
  return { ...tell({ code: 'discarded', values: {} }, note), bytesVerified, bytesWritten, resumedAtBytes: 0 };
}

async function sanitize(target: Target, { name, run }: Sanitizer, wiping: Wiping): Promise<Work> {
  const { clock, state, signal, onWarning, direct, locked } = wiping;
  const before = locked ? [] : await takeSamples(target, direct);
  clock.begin('sanitize');
  const onBegin = () => {
    report0('sanitize', target, wiping);
    state.now = `${target.path} was told to erase itself (${name}): all, some or nothing of what was on it may still be there`;
  };
  try {
    await run({ onBegin, onProgress: reportErase(wiping, target.sizeBytes), onWarning, signal });
  } catch (thrown) {
    if (toDeployError(thrown).code === 'cancelled') state.now = `${target.path} ${goesOn}`;
    throw thrown;
  }
  state.now = `${target.path} says that it has erased itself (${name}), and has not been read back`;
  throwIfCancelled(signal);
  await flushTarget(target);
  const { note, bytesVerified } = await verify(target, before, wiping);
  return { ...tell({ code: 'erased', values: { name } }, note), bytesVerified, bytesWritten: 0, resumedAtBytes: 0 };
}

function reportErase({ onProgress }: RunOptions, bytesTotal: number): (fraction: number) => void {
  return (fraction) =>
    onProgress?.({ phase: 'sanitize', bytesDone: Math.floor(fraction * bytesTotal), bytesTotal, bytesTransferred: 0 });
}

async function verify(
  target: Target,
  before: Awaited<ReturnType<typeof takeSamples>>,
  { clock, direct, signal, pause, onProgress, onWarning }: Wiping,
): Promise<{ readonly note: WipeNote; readonly bytesVerified: number }> {
  clock.begin('read-back');
  const onDone = (bytesDone: number) =>
    onProgress?.({ phase: 'read-back', bytesDone, bytesTotal: target.sizeBytes, bytesTransferred: 0 });
  const evidence: Evidence = await verifyWiped({ target, direct, signal, pause, onDone }, before);
  const { zeros, bytesVerified, samplesChanged } = evidence;
  if (zeros) return { bytesVerified, note: { code: 'read-zeros', values: { bytes: String(bytesVerified) } } };
  const note: WipeNote =
    samplesChanged === 0
      ? { code: 'read-uncompared', values: {} }
      : { code: 'read-changed', values: { places: String(samplesChanged) } };
  onWarning?.(`${target.label}: ${tellWipeNote(note)}`);
  return { bytesVerified, note };
}

function report0(phase: ProgressPhase, { sizeBytes }: Target, { onProgress }: RunOptions): void {
  onProgress?.({ phase, bytesDone: 0, bytesTotal: sizeBytes, bytesTransferred: 0 });
}

function edgesOf({ sizeBytes }: Target) {
  const lengthBytes = Math.min(edgeBytes, sizeBytes);
  const startBytes = Math.max(lengthBytes, sizeBytes - edgeBytes);
  const all = [
    { startBytes: 0, lengthBytes },
    { startBytes, lengthBytes: sizeBytes - startBytes },
  ];
  return all.filter((extent) => extent.lengthBytes > 0);
}

function withState(error: DeployError, targetPath: string, { now }: State): DeployError {
  const hint = error.hint ?? (now === null ? undefined : 'Wipe it again; an overwrite goes on where it was cut off.');
  return new DeployError(error.code, `wiping ${targetPath}: ${error.message}. ${now ?? 'nothing was written'}`, {
    cause: error.cause ?? error,
    ...(hint === undefined ? {} : { hint }),
  });
}
