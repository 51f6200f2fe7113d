// The names people give to images: any Unicode, kept under an id so that no name ever becomes a path.
import { DeployError } from '../../protocol/errors.ts';
import { digestOf } from '../chunk/digest.ts';

/** `name` in normal form C, so that one that looks the same is the same. @throws invalid-input */
export function normalizeImageName(name: string): string {
  const normal = name.normalize('NFC');
  const bad =
    normal.trim() !== normal || normal === '' || normal.length > 255 || /[\p{Cc}\p{Cs}\u2028\u2029]/u.test(normal);
  if (!bad) return normal;
  throw new DeployError('invalid-input', `'${name.slice(0, 300)}' cannot be an image's name`, {
    hint: 'A name has 1 to 255 characters, none of them a control character, and no space at either end.',
  });
}

/** What a store files an image under: the same for the same name, and safe in any file system or URL. */
export function imageNameId(name: string): string {
  return digestOf(Buffer.from(normalizeImageName(name))).slice(0, 32);
}

/** What a restore saves of its target (escrow.ts) is an image too, of a name that begins so; lists of images leave these out. */
export const escrowPrefix = 'undo/';

export function isEscrowName(name: string): boolean {
  return name.startsWith(escrowPrefix);
}

/**
 * What jobs of a server's machine save has a name that begins so: a machine that says that it has another one's disk touches nothing of that one.
 * `machine` is the server's id of it. The space tells it from a disk's serial number, in which it is replaced (escrow.ts).
 */
export function machineEscrowPrefix(machine: string): string {
  return `${escrowPrefix}machine ${machine}/`;
}

/** Null for what a person's own restore has saved. */
export function machineOfEscrow(name: string): string | null {
  return /^undo\/machine ([0-9A-Za-z-]+)\//.exec(name)?.[1] ?? null;
}
