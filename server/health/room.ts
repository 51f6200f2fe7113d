// How much room is left where this server writes.
import { statfs } from 'node:fs/promises';

/** With less the server is not ready: it is used up by a few chunks and a few lines of the log. */
export const minFreeBytes = 256 * 2 ** 20;

export async function readFreeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

/** For a person: `200 MiB`. */
export function describeRoom(bytes: number): string {
  return `${Math.floor(bytes / 2 ** 20)} MiB`;
}
