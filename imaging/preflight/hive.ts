// A registry hive of Windows, read where it lies: only the cells on the way to a key or a value are fetched, never the whole file.
// Layout: M. Suhanov, "Windows registry file format specification" (github.com/msuhanov/regf). Transaction logs are not replayed.
import type { ByteReader } from '../blockdev/byte-reader.ts';
import { corrupt } from '../fs/distrust.ts';

export type HiveKey = {
  readonly name: string;
  readonly subkeyCount: number;
  readonly subkeysAt: number;
  readonly valueCount: number;
  readonly valuesAt: number;
};

/** Cells count from behind the base block. */
const baseBytes = 4096;
const pageBytes = 65_536;
/** Bounds on what a hostile hive can make us do: bytes fetched, cells looked at, the length of one cell. */
const [maxFetchedBytes, maxCells, maxCellBytes] = [64 * 2 ** 20, 200_000, 2 ** 20];
const maxSubkeys = 65_536;
const maxValues = 4096;
const valueTypes = { text: 1, expandedText: 2, number: 4, texts: 7 } as const;

const damaged = () => corrupt('the registry hive is damaged');

export class Hive {
  readonly #file: Pick<ByteReader, 'sizeBytes' | 'read'>;
  readonly #endBytes: number;
  readonly #pages = new Map<number, Buffer>();
  #cells = 0;
  readonly root: number;

  private constructor(file: Pick<ByteReader, 'sizeBytes' | 'read'>, endBytes: number, root: number) {
    this.#file = file;
    this.#endBytes = endBytes;
    this.root = root;
  }

  /** @throws file-system-corrupt when it is no hive; so do all that read it, also when it asks for too much */
  static async open(file: Pick<ByteReader, 'sizeBytes' | 'read'>): Promise<Hive> {
    if (file.sizeBytes < baseBytes + 32) throw corrupt('the registry hive is too short');
    const base = await file.read(0, 512);
    const major = base.readUInt32LE(20);
    if (base.toString('latin1', 0, 4) !== 'regf' || major !== 1) throw corrupt('it is no registry hive');
    const endBytes = Math.min(file.sizeBytes, baseBytes + base.readUInt32LE(40));
    return new Hive(file, endBytes, base.readUInt32LE(36));
  }

  /** The key at the end of `path`, or null. Case does not count. */
  async find(...path: readonly string[]): Promise<HiveKey | null> {
    let key: HiveKey | null = await this.#readKey(this.root);
    for (const name of path) {
      key = await this.#findSubkey(key, name.toUpperCase());
      if (key === null) return null;
    }
    return key;
  }

  async *subkeys(key: HiveKey): AsyncGenerator<HiveKey> {
    if (key.subkeyCount === 0) return;
    for await (const at of this.#listSubkeys(key.subkeysAt, key.subkeyCount)) yield await this.#readKey(at);
  }

  /** The bytes of a value, or null; an empty name is the key's default value. */
  async findBytes(key: HiveKey | null, name: string): Promise<Buffer | null> {
    return (await this.#findValue(key, name))?.data ?? null;
  }

  async findText(key: HiveKey | null, name: string): Promise<string | null> {
    const value = await this.#findValue(key, name);
    if (value === null || !isText(value.type)) return null;
    return (value.data.toString('utf16le').split('\0')[0] ?? '') || null;
  }

  async findNumber(key: HiveKey | null, name: string): Promise<number | null> {
    const value = await this.#findValue(key, name);
    return value?.type === valueTypes.number && value.data.length === 4 ? value.data.readUInt32LE(0) : null;
  }

  async #findSubkey(key: HiveKey, upper: string): Promise<HiveKey | null> {
    for await (const subkey of this.subkeys(key)) if (subkey.name.toUpperCase() === upper) return subkey;
    return null;
  }

  async #readKey(at: number): Promise<HiveKey> {
    const cell = await this.#readCell(at, 76);
    const nameBytes = cell.readUInt16LE(72);
    if (cell.toString('latin1', 0, 2) !== 'nk' || 76 + nameBytes > cell.length) throw damaged();
    const [subkeyCount, valueCount] = [cell.readUInt32LE(20), cell.readUInt32LE(36)];
    if (subkeyCount > maxSubkeys || valueCount > maxValues) throw damaged();
    const name = cell.toString(cell.readUInt16LE(2) & 0x20 ? 'latin1' : 'utf16le', 76, 76 + nameBytes);
    return { name, subkeyCount, subkeysAt: cell.readUInt32LE(28), valueCount, valuesAt: cell.readUInt32LE(40) };
  }

  /** Where the subkeys are, out of a list or a list of lists. */
  async *#listSubkeys(at: number, count: number, inner = false): AsyncGenerator<number> {
    const cell = await this.#readCell(at, 4);
    const kind = cell.toString('latin1', 0, 2);
    const entryBytes = { lf: 8, lh: 8, li: 4, ri: 4 }[kind];
    const entries = cell.readUInt16LE(2);
    if (entryBytes === undefined || entries > count || 4 + entries * entryBytes > cell.length) throw damaged();
    for (let i = 0; i < entries; i++) {
      const next = cell.readUInt32LE(4 + i * entryBytes);
      if (kind !== 'ri') yield next;
      else if (inner) throw damaged();
      else yield* this.#listSubkeys(next, count, true);
    }
  }

  async #findValue(key: HiveKey | null, name: string): Promise<{ type: number; data: Buffer } | null> {
    if (key === null || key.valueCount === 0) return null;
    const list = await this.#readCell(key.valuesAt, key.valueCount * 4);
    for (let i = 0; i < key.valueCount; i++) {
      const cell = await this.#readCell(list.readUInt32LE(i * 4), 20);
      const nameBytes = cell.readUInt16LE(2);
      if (cell.toString('latin1', 0, 2) !== 'vk' || 20 + nameBytes > cell.length) throw damaged();
      const found = cell.toString(cell.readUInt16LE(16) & 1 ? 'latin1' : 'utf16le', 20, 20 + nameBytes);
      if (found.toUpperCase() !== name.toUpperCase()) continue;
      return { type: cell.readUInt32LE(12), data: await this.#readData(cell) };
    }
    return null;
  }

  /** Up to four bytes lie in the place of the offset. Values of more than 16 KiB are kept in pieces: none of those is wanted here. */
  async #readData(cell: Buffer): Promise<Buffer> {
    const size = cell.readUInt32LE(4);
    const length = size & 0x7fffffff;
    if (size >= 0x80000000) {
      if (length > 4) throw damaged();
      return cell.subarray(8, 8 + length);
    }
    if (length === 0) return Buffer.alloc(0);
    if (length > 16_344) throw corrupt('a value of the registry hive is too long');
    return (await this.#readCell(cell.readUInt32LE(8), length)).subarray(0, length);
  }

  /** The content of the cell at `at`, which must have at least `leastBytes`. */
  async #readCell(at: number, leastBytes: number): Promise<Buffer> {
    if (++this.#cells > maxCells) throw corrupt('the registry hive does not end');
    const from = baseBytes + at;
    if (at % 8 !== 0 || from + 4 + leastBytes > this.#endBytes) throw damaged();
    const size = -(await this.#read(from, 4)).readInt32LE(0);
    if (size < 4 + leastBytes || size > maxCellBytes || from + size > this.#endBytes) throw damaged();
    return await this.#read(from + 4, size - 4);
  }

  async #read(from: number, length: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    for (let at = from; at < from + length; ) {
      const number = Math.floor(at / pageBytes);
      const page = await this.#readPage(number);
      const into = at - number * pageBytes;
      const part = page.subarray(into, Math.min(page.length, into + from + length - at));
      parts.push(part);
      at += part.length;
    }
    const [first] = parts;
    return first !== undefined && parts.length === 1 ? first : Buffer.concat(parts);
  }

  async #readPage(number: number): Promise<Buffer> {
    const known = this.#pages.get(number);
    if (known !== undefined) return known;
    if (this.#pages.size * pageBytes >= maxFetchedBytes) throw corrupt('the registry hive is too large');
    const at = number * pageBytes;
    const page = await this.#file.read(at, Math.min(pageBytes, this.#endBytes - at));
    this.#pages.set(number, page);
    return page;
  }
}

function isText(type: number): boolean {
  return type === valueTypes.text || type === valueTypes.expandedText || type === valueTypes.texts;
}
