// What the engine says of a disk image on the host, by the public command line.
import path from 'node:path';
import type { DiskMap } from '../../imaging/disk-map.ts';
import { runCommand } from './run-command.ts';

/** `deploy-os image map` of a raw disk image. */
export async function mapDiskImage(file: string): Promise<DiskMap> {
  const deployOs = path.join(import.meta.dirname, '../../cli/deploy-os');
  const map = JSON.parse(await runCommand(deployOs, ['image', 'map', file, '--json']));
  return { ...map, used: map.used.map(([startBytes, lengthBytes]: [number, number]) => ({ startBytes, lengthBytes })) };
}
