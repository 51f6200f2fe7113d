// Which files lie in what is lost, asked of the file systems' own tools on the source: ext knows by way of debugfs.
import type { DiskMap, PartitionMap } from '../disk-map.ts';
import type { Extent } from '../extent.ts';
import { runTool } from '../run-tool.ts';

export type LostFile = { readonly partition: number; readonly path: string };

/** Asking costs reads of a disk that is dying: no more blocks than this are asked for, and no longer. */
const maxBlocks = 20_000;
const blocksAtOnce = 500;
const patienceMs = 120_000;

/** The damaged files of every partition whose file system can tell. @throws what the tools complain of; cancelled */
export async function findLostFiles(
  sourcePath: string,
  map: DiskMap,
  lost: readonly Extent[],
  signal: AbortSignal | undefined,
): Promise<LostFile[]> {
  const found: LostFile[] = [];
  const limit = AbortSignal.timeout(patienceMs);
  const stop = signal === undefined ? limit : AbortSignal.any([signal, limit]);
  for (const partition of map.partitions) {
    if (partition.fileSystem === null || !/^ext[234]$/.test(partition.fileSystem)) continue;
    const paths = await findExtFiles(sourcePath, partition, lost, stop);
    found.push(...paths.map((path) => ({ partition: partition.number, path })));
  }
  return found;
}

async function findExtFiles(
  sourcePath: string,
  { startBytes, sizeBytes }: PartitionMap,
  lost: readonly Extent[],
  signal: AbortSignal,
): Promise<string[]> {
  const endBytes = startBytes + sizeBytes;
  const inside = lost.filter((e) => e.startBytes < endBytes && e.startBytes + e.lengthBytes > startBytes);
  if (inside.length === 0) return [];
  const ask = (...commands: string[]) => askDebugfs(sourcePath, startBytes, commands, signal);
  const blockBytes = Number(/^Block size:\s+(\d+)/m.exec(await ask('show_super_stats -h'))?.[1]);
  if (!(blockBytes >= 1024)) throw new Error('debugfs cannot read the superblock');
  const blocks = new Set<number>();
  for (const extent of inside) {
    const from = Math.max(0, extent.startBytes - startBytes);
    const to = Math.min(endBytes, extent.startBytes + extent.lengthBytes) - startBytes;
    for (let at = Math.floor(from / blockBytes); at * blockBytes < to && blocks.size < maxBlocks; at++) blocks.add(at);
  }
  const inodes = await findInodes([...blocks], ask);
  return await findPaths(inodes, ask);
}

type Ask = (...commands: string[]) => Promise<string>;

async function findInodes(blocks: readonly number[], ask: Ask): Promise<number[]> {
  const inodes = new Set<number>();
  for (let i = 0; i < blocks.length; i += blocksAtOnce) {
    const answer = await ask(`icheck ${blocks.slice(i, i + blocksAtOnce).join(' ')}`);
    for (const [, inode] of answer.matchAll(/^\d+\t(\d+)$/gm)) inodes.add(Number(inode));
  }
  return [...inodes].sort((a, b) => a - b);
}

async function findPaths(inodes: readonly number[], ask: Ask): Promise<string[]> {
  const paths = new Map<number, string>();
  for (let i = 0; i < inodes.length; i += blocksAtOnce) {
    const answer = await ask(`ncheck ${inodes.slice(i, i + blocksAtOnce).join(' ')}`);
    for (const [, inode, path = ''] of answer.matchAll(/^(\d+)\t(.*)$/gm)) paths.set(Number(inode), clean(path));
  }
  return inodes.map((inode) => paths.get(inode) ?? `(inode ${inode}, which has no name)`);
}

/** debugfs begins paths with one slash too many. */
function clean(path: string): string {
  return path.replace(/^\/+/, '/').slice(0, 4096);
}

/** e2fsprogs reads a file system at an offset when the name of its device says so. */
async function askDebugfs(
  sourcePath: string,
  startBytes: number,
  commands: readonly string[],
  signal: AbortSignal,
): Promise<string> {
  const device = startBytes === 0 ? sourcePath : `${sourcePath}?offset=${startBytes}`;
  const input = `${commands.join('\n')}\n`;
  return (await runTool('debugfs', ['-f', '-', device], { signal, input })).stdout;
}
