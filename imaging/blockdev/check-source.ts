// Refuses a source whose bytes may change while it is captured.
import { realpath } from 'node:fs/promises';
import { DeployError } from '../../protocol/errors.ts';
import { refuseErasing } from '../wipe/refuse-erasing.ts';
import { refuseMember } from './check-target.ts';
import { findUses } from './device-uses.ts';
import { readLocks, refuseLocked } from './locks.ts';
import { describeDiskFile, statDiskFile } from './open-reader.ts';

/**
 * Passes when `path` may be captured: nothing on it is mounted read-write, in use as swap or held, it is not locked, and no member
 * of an array. What is mounted read-only may be captured.
 * @throws DeployError source-held, disk-locked, disk-erasing, source-member (unless `allowMember`), device-not-found, invalid-input
 */
export async function checkSource(path: string, options: { allowMember?: boolean } = {}): Promise<void> {
  const facts = await describeDiskFile(path, await statDiskFile(path));
  const uses = await findUses(
    '/',
    facts.device === null ? { filePath: await realpath(path) } : { device: facts.device },
  );
  const changing = uses.filter((use) => !use.readOnly);
  if (changing.length > 0) {
    throw new DeployError('source-held', `${facts.label}: ${changing.map((use) => use.text).join(', ')}`, {
      hint: 'Unmount it or mount it read-only, and stop swap, arrays and volumes on it: its bytes would change while they are read.',
    });
  }
  await refuseErasing(path, facts.label);
  refuseLocked(facts.label, await readLocks(path));
  if (options.allowMember !== true) await refuseMember(path, facts, 'source-member', 'captured');
}

/** The part of `checkSource` that a mere look needs: no member of an array. @throws DeployError source-member, … */
export async function checkNoMember(path: string): Promise<void> {
  await refuseMember(path, await describeDiskFile(path, await statDiskFile(path)), 'source-member', 'mapped');
}
