// A disk that erases itself: which command it has for that, by what it says of itself. Nothing here is sent to a disk that has not named it.
import { realpath } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { DeployError } from '../../protocol/errors.ts';
import type { Target } from '../blockdev/target.ts';
import { findNvmeSanitizer } from './nvme-sanitize.ts';
import type { Sanitizer } from './sanitizer.ts';
import { findScsiSanitizer } from './scsi-sanitize.ts';

/** @throws DeployError wipe-unsupported when the disk has nothing, or it cannot be used; tool-missing */
export async function findSanitizer({
  path,
  label,
  kind,
}: Pick<Target, 'path' | 'label' | 'kind'>): Promise<Sanitizer> {
  if (kind === 'block' && /\/nvme\d+n\d+$/.test(path)) return findNvmeSanitizer(path, label);
  if (kind === 'block' && /\/sd[a-z]+$/.test(path) && !(await isBehindUsb(path))) return findScsiSanitizer(path, label);
  throw new DeployError(
    'wipe-unsupported',
    `${label} cannot erase itself: it is no NVMe and no SCSI disk that can be asked`,
    {
      hint: 'Use --method discard or overwrite.',
    },
  );
}

/** Bridges may hang on a command that they do not know. */
async function isBehindUsb(path: string): Promise<boolean> {
  const directory = await realpath(join('/sys/class/block', basename(path))).catch(() => '');
  return /\/usb\d+\//.test(directory);
}
