// All of a wiped target, piece by piece, past the page cache where that can be: written with a pattern, or read and judged.
import { constants, type FileHandle, open } from 'node:fs/promises';
import { type Target, withTargetErrors } from '../blockdev/target.ts';
import { readUpTo, writeAll } from '../blockdev/whole-transfers.ts';
import { throwIfCancelled } from '../cancelled.ts';
import { allocateArena } from '../chunk/arena.ts';
import type { Pause } from '../pause.ts';

const pageBytes = 4096;
const pieceBytes = 4 * 2 ** 20;
/** Pieces on their way at once: the disk works while the next piece is made or judged. */
const atOnce = 3;

type Work = {
  readonly target: Target;
  readonly fromBytes: number;
  /** Past the page cache. */
  readonly direct: boolean;
  readonly signal?: AbortSignal | undefined;
  readonly pause?: Pause | undefined;
  /** Called with how far all of it is done without a gap. */
  readonly onDone: (doneBytes: number) => void | Promise<void>;
};

/** Writes what `fill` makes of each piece, in order. @throws target-write, target-vanished, cancelled */
export async function writePieces(work: Work, fill: (piece: Buffer, offsetBytes: number) => void): Promise<void> {
  await eachPiece(work, 'writing', async (handle, piece, offsetBytes) => {
    fill(piece, offsetBytes);
    await writeAll(handle, piece, offsetBytes);
  });
}

/** Gives each piece as it was read to `judge`, in order. @throws read-back-mismatch when it cannot be read, target-vanished, cancelled, and what `judge` throws */
export async function readPieces(work: Work, judge: (piece: Buffer, offsetBytes: number) => void): Promise<void> {
  await eachPiece(work, 'reading back', async (handle, piece, offsetBytes) => {
    if ((await readUpTo(handle, piece, offsetBytes)) < piece.length) {
      throw new Error(`it ends before byte ${offsetBytes + piece.length}`);
    }
    judge(piece, offsetBytes);
  });
}

const codes = { writing: 'target-write', 'reading back': 'read-back-mismatch' } as const;

type OnePiece = (handle: FileHandle, piece: Buffer, offsetBytes: number) => Promise<void>;

async function eachPiece(
  { target, fromBytes, direct, signal, pause, onDone }: Work,
  doing: 'writing' | 'reading back',
  one: OnePiece,
): Promise<void> {
  const flags = (doing === 'writing' ? constants.O_RDWR : constants.O_RDONLY) | (direct ? constants.O_DIRECT : 0);
  const handle = await withTargetErrors(target, 'opening', () => open(target.path, flags));
  const wholeBytes = target.kind === 'block' ? target.sectorSizeBytes : pageBytes;
  const arena = allocateArena(atOnce, pieceBytes);
  const running: Promise<void>[] = [];
  try {
    for (let offsetBytes = fromBytes, turn = 0; offsetBytes < target.sizeBytes; offsetBytes += pieceBytes, turn++) {
      // The piece whose memory this is has to be done first.
      if (running.length === atOnce) await running.shift();
      await pause?.wait(signal);
      throwIfCancelled(signal);
      const lengthBytes = Math.min(pieceBytes, target.sizeBytes - offsetBytes);
      const piece = (arena[turn % atOnce] as Buffer).subarray(0, lengthBytes);
      const through = lengthBytes % wholeBytes === 0 ? handle : target.handle;
      const before = running.at(-1);
      const task = withTargetErrors(target, doing, () => one(through, piece, offsetBytes), codes[doing]);
      const inOrder = Promise.all([task, before]).then(() => onDone(offsetBytes + lengthBytes));
      inOrder.catch(() => {});
      running.push(inOrder);
    }
    await Promise.all(running);
  } finally {
    await Promise.allSettled(running);
    await handle.close();
  }
}
