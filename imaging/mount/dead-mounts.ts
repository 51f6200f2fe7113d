// Takes away what a mount of ours left behind when its process was killed: nobody answers for its files any more.
import { statfs } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { fuseType } from '../fuse/mount-tree.ts';
import { listMounts, unmount } from './mount-table.ts';

const deadCodes = new Set(['ENOTCONN', 'ECONNABORTED']);
const answerMs = 5_000;

/** Unmounts every dead mount of ours, with what is mounted below it; answers their folders. @throws mount-point-used */
export async function clearDeadMounts(): Promise<string[]> {
  const mounts = await listMounts();
  const cleared: string[] = [];
  for (const { directory, type } of mounts) {
    if (type !== fuseType || !(await isDead(directory))) continue;
    const below = mounts.filter((entry) => entry.directory.startsWith(`${directory}/`)).reverse();
    for (const entry of below) await unmount(entry.directory, { patienceMs: 0, thenDetach: true });
    await unmount(directory, { patienceMs: 0, thenDetach: true });
    cleared.push(directory);
  }
  return cleared;
}

/** A live server may be slow (its store is far away): silence is life. */
async function isDead(directory: string): Promise<boolean> {
  const asked = statfs(directory).then(
    () => false,
    (thrown: NodeJS.ErrnoException) => deadCodes.has(thrown.code ?? ''),
  );
  return await Promise.race([asked, setTimeout(answerMs, false, { ref: false })]);
}
