// Waiting for a disk that erases itself: asked every two seconds how far it is, until it says that it is done, or somebody stops the waiting.
import { setTimeout } from 'node:timers/promises';
import { DeployError } from '../../protocol/errors.ts';
import { throwIfCancelled } from '../cancelled.ts';
import type { EraseRun } from './sanitizer.ts';

const pollMs = 2000;
/** A disk that is busy with itself may miss some. */
const maxSilent = 30;

export type EraseState = {
  readonly state: 'running' | 'done' | 'failed';
  /** 0 to 1. */
  readonly fraction: number;
};

/** `look` gives null when the disk did not say. @throws DeployError target-write when it failed, or is silent for a minute; cancelled: it goes on */
export async function waitForErase(
  look: () => Promise<EraseState | null>,
  label: string,
  { onProgress, signal }: Pick<EraseRun, 'onProgress' | 'signal'>,
): Promise<void> {
  let silent = 0;
  for (;;) {
    throwIfCancelled(signal);
    const now = await look();
    silent = now === null ? silent + 1 : 0;
    if (silent === maxSilent)
      throw new DeployError('target-write', `${label} does not say any more how far it is with erasing itself`, {
        hint: 'It may go on all the same. Leave it switched on, and check the disk later.',
      });
    if (now?.state === 'done') return;
    if (now?.state === 'failed') throw eraseFailed(label, 'it says itself that it failed');
    if (now !== null) onProgress(Math.min(now.fraction, 1));
    await setTimeout(pollMs, undefined, signal === undefined ? {} : { signal }).catch(() => {});
  }
}

/** `said` is the disk's own word, or a tool's, on as many lines as it likes. */
export function eraseFailed(label: string, said: string): DeployError {
  return new DeployError('target-write', `${label} did not erase itself: ${onOneLine(said)}`, {
    hint: 'Use --method overwrite; a disk that cannot be overwritten either is to be destroyed.',
  });
}

export function onOneLine(said: string): string {
  return said.replace(/\s+/g, ' ').trim().slice(0, 300) || 'no reason given';
}
