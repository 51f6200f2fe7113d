// Overwriting a target: blank at its start first, then everything from the first MiB on, the first MiB last; all of it is read back. Goes on where it was cut off.
import { DeployError } from '../../protocol/errors.ts';
import { windowOf } from '../blockdev/byte-reader.ts';
import { openReader } from '../blockdev/open-reader.ts';
import { markPlace } from '../blockdev/restore-mark.ts';
import { blankRanges, flushTarget, type Target, withTargetErrors } from '../blockdev/target.ts';
import { writeAll } from '../blockdev/whole-transfers.ts';
import type { PhaseClock } from '../phase-clock.ts';
import type { RunOptions } from '../progress.ts';
import { makePattern, type Pattern, type PatternKind } from './pattern.ts';
import { readPieces, writePieces } from './transfer.ts';
import { encodeWipeMark, readWipeMark, type WipeMark } from './wipe-mark.ts';

const headBytes = 2 ** 20;
/** What a power cut takes of the work: so long. */
const markEveryMs = 10_000;

export type OverwriteOptions = RunOptions & {
  readonly pattern: PatternKind;
  readonly direct: boolean;
  readonly clock: PhaseClock;
  readonly onFirstWrite: () => void;
};

export type Overwritten = {
  readonly bytesWritten: number;
  readonly bytesVerified: number;
  /** Where a wipe of before was cut off, and this one went on. */
  readonly resumedAtBytes: number;
};

/** @throws target-write, target-vanished, read-back-mismatch, cancelled */
export async function overwriteTarget(target: Target, options: OverwriteOptions): Promise<Overwritten> {
  const { clock, signal, pause, direct } = options;
  const left = await readLeftMark(target, options.pattern);
  const pattern = makePattern(options.pattern, left?.seed ?? undefined);
  const headEndBytes = Math.min(headBytes, target.sizeBytes);
  const fromBytes = Math.max(left?.doneBytes ?? 0, headEndBytes);
  const report = (phase: 'write' | 'read-back') => (bytesDone: number) =>
    options.onProgress?.({ phase, bytesDone, bytesTotal: target.sizeBytes, bytesTransferred: 0 });
  clock.begin('write');
  options.onFirstWrite();
  const mark = { pattern: pattern.kind, seed: pattern.seed, sizeBytes: target.sizeBytes };
  if (left === null) await blankRanges(target, [{ startBytes: 0, lengthBytes: headEndBytes }]);
  await writeMark(target, { ...mark, doneBytes: fromBytes });
  let markedMs = performance.now();
  const onDone = async (doneBytes: number) => {
    report('write')(doneBytes);
    if (performance.now() - markedMs < markEveryMs) return;
    markedMs = performance.now();
    await flushTarget(target);
    await writeMark(target, { ...mark, doneBytes });
  };
  await writePieces({ target, fromBytes, direct, signal, pause, onDone }, pattern.fill);
  clock.begin('flush');
  await flushTarget(target);
  await writeHead(target, pattern, headEndBytes);
  clock.begin('read-back');
  await readPieces(
    { target, fromBytes: 0, direct, signal, pause, onDone: report('read-back') },
    compareWith(target, pattern),
  );
  const bytesWritten = target.sizeBytes - fromBytes + headEndBytes;
  return { bytesWritten, bytesVerified: target.sizeBytes, resumedAtBytes: left === null ? 0 : fromBytes };
}

/** Null also for one with another pattern: that begins anew. */
async function readLeftMark(target: Target, pattern: PatternKind): Promise<WipeMark | null> {
  const reader = await openReader(target.path);
  try {
    const mark = await readWipeMark(windowOf(reader, 0, target.sizeBytes));
    return mark?.pattern === pattern ? mark : null;
  } finally {
    await reader.close();
  }
}

async function writeMark(target: Target, mark: WipeMark): Promise<void> {
  const { startBytes, lengthBytes } = markPlace;
  if (target.sizeBytes < startBytes + lengthBytes) return;
  await withTargetErrors(target, 'writing', () => writeAll(target.handle, encodeWipeMark(mark), startBytes));
  await flushTarget(target);
}

async function writeHead(target: Target, pattern: Pattern, lengthBytes: number): Promise<void> {
  const head = Buffer.alloc(lengthBytes);
  pattern.fill(head, 0);
  await withTargetErrors(target, 'writing', () => writeAll(target.handle, head, 0));
  await flushTarget(target);
}

function compareWith(target: Target, pattern: Pattern): (piece: Buffer, offsetBytes: number) => void {
  const expected = Buffer.alloc(4 * 2 ** 20);
  return (piece, offsetBytes) => {
    const wanted = expected.subarray(0, piece.length);
    if (pattern.kind === 'random' || offsetBytes === 0) pattern.fill(expected, offsetBytes);
    if (piece.equals(wanted)) return;
    const at = offsetBytes + wanted.findIndex((byte, i) => byte !== piece[i]);
    throw new DeployError('read-back-mismatch', `${target.label} does not hold what was written, from byte ${at} on`, {
      hint: 'The disk does not keep its data: replace it. What was on it before may still be there.',
    });
  };
}
