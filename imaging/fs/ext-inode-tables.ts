// The inode tables of ext4 in which there never was an inode: their blocks are used, but what is in them means nothing.
// Linux Documentation/filesystems/ext4/group_descr.rst (bg_flags, bg_itable_unused); fs/ext4/ialloc.c (ext4_init_inode_table).
import type { Extent } from '../extent.ts';
import { BlockList } from './block-list.ts';
import type { ExtGroup } from './ext-groups.ts';
import type { ExtGeometry } from './ext-superblock.ts';

export class InodeTables {
  readonly #geometry: ExtGeometry;
  readonly #starts: number[] = [];
  readonly #blank: number[] = [];

  constructor(geometry: ExtGeometry) {
    this.#geometry = geometry;
  }

  add({ inodeTableBlock, withoutInodes }: ExtGroup): void {
    this.#starts.push(inodeTableBlock);
    if (withoutInodes) this.#blank.push(inodeTableBlock);
  }

  /** The tables without inodes, merged, in order. None where two tables share a block: then some descriptor is wrong. */
  listBlank(): Extent[] {
    const { inodeTableBlocks, blockBytes } = this.#geometry;
    const starts = Float64Array.from(this.#starts).sort();
    if (starts.some((start, i) => i > 0 && start < (starts[i - 1] as number) + inodeTableBlocks)) return [];
    const blank = new BlockList(blockBytes);
    for (const start of Float64Array.from(this.#blank).sort()) blank.add(start, start + inodeTableBlocks);
    return blank.toExtents();
  }
}
