// Which disk a step means: asked by the agent that runs it, and by the server that plans it. A selector that matches none or several refuses the job; nothing is
// ever guessed.
import { describeSelector } from './describe-selector.ts';
import { DeployError } from './errors.ts';
import { formatBytes } from './format-bytes.ts';
import type { InventoryDisk } from './inventory.ts';
import type { DiskSelector, OneDiskSelector } from './scenario.ts';

/** What of a disk is asked. */
export type SelectableDisk = Pick<
  InventoryDisk,
  'id' | 'number' | 'devicePath' | 'sizeBytes' | 'model' | 'serial' | 'wwn' | 'bus' | 'location'
>;

/** What an image says of the disk that it was captured from. */
export type ImageSource = { readonly model: string | null; readonly serial: string | null };

/**
 * The one disk that `selector` names. `sources` are those of the images that selectors name.
 * @throws DeployError selector-none, selector-ambiguous, listing what is there.
 */
export function selectDisk<Disk extends SelectableDisk>(
  disks: readonly Disk[],
  selector: DiskSelector,
  sources: ReadonlyMap<string, ImageSource> = new Map(),
): Disk {
  if (selector.by !== 'each') return selectOne(disks, selector, sources);
  const selected = selector.of.map((one) => selectOne(disks, one, sources));
  const twice = selected.find((disk, i) => selected.indexOf(disk) < i);
  if (twice !== undefined) {
    throw refusal(
      'selector-ambiguous',
      `two of the ${selected.length} selectors of one step name ${describeDisk(twice)}`,
    );
  }
  const disk = selector.pick === undefined ? undefined : selected[selector.pick];
  if (disk === undefined) throw new DeployError('internal', 'a step for several disks was not split into one for each');
  return disk;
}

function selectOne<Disk extends SelectableDisk>(
  disks: readonly Disk[],
  selector: OneDiskSelector,
  sources: ReadonlyMap<string, ImageSource>,
): Disk {
  const matching = disks.filter((disk) => matches(disk, selector, sources));
  const [disk] = matching;
  if (disk !== undefined && matching.length === 1) return disk;
  const list =
    disks.length === 0 ? 'this machine shows no disk at all' : `this machine has ${disks.map(describeDisk).join('; ')}`;
  if (disk === undefined) {
    throw refusal('selector-none', `no disk matches ${describeSelector(selector)}: ${list}`);
  }
  throw refusal('selector-ambiguous', `${matching.length} disks match ${describeSelector(selector)}: ${list}`);
}

function refusal(code: 'selector-none' | 'selector-ambiguous', message: string): DeployError {
  return new DeployError(code, message, {
    hint: 'Nothing was read or written. Name the disk by its id in the scenario.',
  });
}

/** `disk 1 /dev/sda (QEMU HARDDISK, serial 42, 8.0 GiB, id …)` */
export function describeDisk(disk: SelectableDisk): string {
  const facts = [
    disk.model,
    disk.serial === null ? null : `serial ${disk.serial}`,
    formatBytes(disk.sizeBytes),
    `id ${disk.id}`,
  ];
  return `disk ${disk.number} ${disk.devicePath} (${facts.filter((fact) => fact !== null).join(', ')})`;
}

function matches(disk: SelectableDisk, selector: OneDiskSelector, sources: ReadonlyMap<string, ImageSource>): boolean {
  switch (selector.by) {
    case 'only':
      return true;
    case 'id':
      return disk.id === selector.id;
    case 'serial':
      return disk.serial?.trim() === selector.serial.trim();
    case 'wwn':
      return disk.wwn !== null && normaliseWwn(disk.wwn) === normaliseWwn(selector.wwn);
    case 'number':
      return disk.number === selector.number;
    case 'image':
      return isSource(disk, sources.get(selector.image));
    case 'where':
      return isWhere(disk, selector);
  }
}

/** By model and serial number: what an image keeps of its disk. */
function isSource({ model, serial }: SelectableDisk, source: ImageSource | undefined): boolean {
  if (source === undefined || source.serial === null) return false;
  return serial === source.serial && model === source.model;
}

function isWhere(disk: SelectableDisk, where: Extract<OneDiskSelector, { by: 'where' }>): boolean {
  const { internal, bus, model, minBytes = 0, maxBytes = Number.POSITIVE_INFINITY } = where;
  if (internal !== undefined && internal !== (disk.location === 'internal')) return false;
  if (bus !== undefined && bus !== disk.bus) return false;
  if (model !== undefined && !isLike(disk.model ?? '', model)) return false;
  return disk.sizeBytes >= minBytes && disk.sizeBytes <= maxBytes;
}

/** `pattern` has `*` for any text. No regular expression is made of it: a stranger's could take for ever. */
function isLike(text: string, pattern: string): boolean {
  const words = pattern.toLowerCase().split('*');
  const [first = '', last = ''] = [words[0], words.at(-1)];
  const whole = text.toLowerCase();
  if (words.length === 1) return whole === first;
  if (!whole.startsWith(first) || !whole.endsWith(last) || whole.length < first.length + last.length) return false;
  let rest = whole.slice(first.length, whole.length - last.length);
  for (const word of words.slice(1, -1)) {
    const at = rest.indexOf(word);
    if (at < 0) return false;
    rest = rest.slice(at + word.length);
  }
  return true;
}

/** Labels, arrays and kernels write the same name as `0x5000…`, `5000…`, `naa.5000…` or with colons. */
function normaliseWwn(text: string): string {
  return text
    .trim()
    .toLowerCase()
    .replace(/^(wwn-)?(0x|naa\.|eui\.|nvme\.)?/, '')
    .replaceAll(/[:-]/g, '');
}
