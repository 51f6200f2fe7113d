// What is known of an operating system on the disk, found without starting it (docs/format.md, "Manifest"): null is for 'cannot be told'.
import { z } from 'zod';

const text = z.string().max(256);
const texts = z.array(text).max(64);

export const systemSchema = z.object({
  /** 0 is a disk without a table. */
  partition: z.int().min(0),
  /** The logical volume in it, `group/volume`. */
  volume: text.exactOptional(),
  kind: z.enum(['windows', 'linux']),
  /** `Windows Server 2019 Standard`, `Debian GNU/Linux 12 (bookworm)` */
  name: text.nullable(),
  /** `10.0.17763`, `12` */
  version: text.nullable(),
  hostName: text.nullable(),
  /** Whether it is a member of a directory's domain, a controller included. */
  inDomain: z.boolean().nullable(),
  domain: text.nullable(),
  domainController: z.boolean().nullable(),
  /** Drivers of disk controllers that it loads before it can read a file; of Windows only. */
  bootDrivers: texts.nullable(),
  /** Teams and bonds of network cards. */
  teams: texts.nullable(),
  /** Where it ties network names or settings to the MAC addresses of this machine. */
  fixedNames: texts.nullable(),
});

export type System = z.infer<typeof systemSchema>;
export const maxSystems = 64;

/** No longer than the schema allows, and nothing that steers a terminal. */
export function shorten(words: string | null): string | null {
  return words === null ? null : words.replace(/\p{C}/gu, ' ').trim().slice(0, 256) || null;
}

export function shortenAll(all: readonly string[]): string[] {
  return [...new Set(all.map(shorten).filter((word) => word !== null))].slice(0, 64);
}
