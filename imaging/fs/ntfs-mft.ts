// The master file table (MFT) of NTFS: reads file records and the attributes in them, also those spread over several records.
// Layout: Linux-NTFS documentation, "$MFT" and "$ATTRIBUTE_LIST".
import type { ByteReader } from '../blockdev/byte-reader.ts';
import { corrupt } from './distrust.ts';
import { readInside } from './evidence.ts';
import type { NtfsGeometry } from './ntfs-boot.ts';
import {
  attributeTypes,
  type FileReference,
  type NtfsAttribute,
  type NtfsRecord,
  parseRecord,
  readReference,
} from './ntfs-record.ts';
import { appendRuns, endOf, findRun, type NtfsRun } from './ntfs-runs.ts';

/** The value of an attribute: bytes in memory, or runs of clusters. */
export type NtfsStream = {
  readonly what: string;
  readonly value: Buffer | null;
  readonly runs: readonly NtfsRun[];
  readonly dataBytes: number;
  readonly initializedBytes: number;
  readonly flags: number;
};

/** NTFS's own bound on the length of an attribute list. */
const maxListBytes = 256 * 1024;

export class Mft {
  readonly #bytes: ByteReader;
  readonly geometry: NtfsGeometry;
  #runs: readonly NtfsRun[];

  private constructor(bytes: ByteReader, geometry: NtfsGeometry) {
    const length = Math.ceil(geometry.recordBytes / geometry.clusterBytes);
    this.#bytes = bytes;
    this.geometry = geometry;
    this.#runs = [{ vcn: 0, lcn: geometry.mftCluster, length }];
  }

  /** Finds all pieces of the MFT from its first record on. */
  static async open(bytes: ByteReader, geometry: NtfsGeometry): Promise<Mft> {
    const mft = new Mft(bytes, geometry);
    // Each piece of the MFT holds the record that names the next one, so every piece is used as soon as it is known.
    const { runs, dataBytes, initializedBytes } = await mft.openStream(0, attributeTypes.data, '', (known) => {
      mft.#runs = known;
    });
    const lengthBytes = endOf(runs) * geometry.clusterBytes;
    if (initializedBytes > dataBytes || dataBytes > lengthBytes) throw corrupt('the MFT is cut short');
    if (runs[0]?.lcn !== geometry.mftCluster) throw corrupt('the MFT does not lie where the boot sector says');
    return mft;
  }

  get runs(): readonly NtfsRun[] {
    return this.#runs;
  }

  /** The bytes of a file record as they are on the disk. */
  async readRaw(number: number): Promise<Buffer> {
    const { recordBytes } = this.geometry;
    return await this.#readRuns(this.#runs, number * recordBytes, recordBytes, `file record ${number}`);
  }

  async readRecord(number: number): Promise<NtfsRecord> {
    return parseRecord(await this.readRaw(number), number);
  }

  /** The stream, or null when the file has none of this type and name. `onPiece` sees the runs known so far, piece by piece. */
  async findStream(
    number: number,
    type: number,
    name: string,
    onPiece?: (runs: readonly NtfsRun[]) => void,
  ): Promise<NtfsStream | null> {
    const what = `file ${number}`;
    const runs: NtfsRun[] = [];
    let first: NtfsAttribute | null = null;
    for await (const piece of this.#findPieces(number, type, name)) {
      if ('value' in piece.body) {
        if (first !== null) throw corrupt(`the pieces of ${what} do not follow each other`);
        const { value } = piece.body;
        const sizes = { dataBytes: value.length, initializedBytes: value.length };
        return { what, value, runs, ...sizes, flags: piece.flags };
      }
      first ??= piece;
      const { lowestVcn, mappingPairs } = piece.body;
      appendRuns(runs, mappingPairs, { lowestVcn, clusterCount: this.geometry.clusterCount, what });
      onPiece?.(runs);
    }
    if (first === null || 'value' in first.body) return null;
    const { dataBytes, initializedBytes } = first.body;
    return { what, value: null, runs, dataBytes, initializedBytes, flags: first.flags };
  }

  /** The stream, which must be there. */
  async openStream(...wanted: Parameters<Mft['findStream']>): Promise<NtfsStream> {
    const stream = await this.findStream(...wanted);
    if (stream === null) throw corrupt(`file ${wanted[0]} lacks what it must have`);
    return stream;
  }

  /** `length` bytes of the stream from `at` on, which must lie in its clusters. Sparse runs read as zeros. */
  async read(stream: NtfsStream, at: number, length: number): Promise<Buffer> {
    if (stream.value === null) return await this.#readRuns(stream.runs, at, length, stream.what);
    if (at + length > stream.value.length) throw corrupt(`${stream.what} is cut short`);
    return stream.value.subarray(at, at + length);
  }

  async #readRuns(runs: readonly NtfsRun[], at: number, length: number, what: string): Promise<Buffer> {
    const { clusterBytes } = this.geometry;
    const parts: Buffer[] = [];
    for (let done = 0; done < length; ) {
      const place = at + done;
      const run = findRun(runs, Math.floor(place / clusterBytes));
      if (run === undefined) throw corrupt(`${what} is cut short`);
      const into = place - run.vcn * clusterBytes;
      const count = Math.min(length - done, run.length * clusterBytes - into);
      const sparse = run.lcn === null;
      const from = (run.lcn ?? 0) * clusterBytes + into;
      parts.push(sparse ? Buffer.alloc(count) : await readInside(this.#bytes, from, count, what));
      done += count;
    }
    return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
  }

  /** Every attribute of the type and name that belongs to file `number`, in order. */
  async *#findPieces(number: number, type: number, name: string): AsyncGenerator<NtfsAttribute> {
    const record = await this.readRecord(number);
    if (record.base !== null) throw corrupt(`file record ${number} is not the first of its file`);
    const matches = (attribute: NtfsAttribute) => attribute.type === type && attribute.name === name;
    const list = record.attributes.find((attribute) => attribute.type === attributeTypes.list);
    if (list === undefined) {
      yield* record.attributes.filter(matches);
      return;
    }
    let last = -1;
    // The MFT's own list names records that only the pieces before them make readable.
    for (const entry of parseList(await this.#readList(list, number), number)) {
      if (entry.type !== type || entry.name !== name) continue;
      const isBase = entry.reference.number === number;
      const holder = isBase ? record : await this.readRecord(entry.reference.number);
      if (!belongs(holder, entry.reference, isBase ? null : { number, sequence: record.sequence })) {
        throw corrupt(`file record ${entry.reference.number} does not belong to file ${number}`);
      }
      const found = holder.attributes.filter(matches).find((attribute) => startsAt(attribute, entry.lowestVcn));
      if (found === undefined || entry.lowestVcn <= last)
        throw corrupt(`the attribute list of file ${number} is wrong`);
      last = entry.lowestVcn;
      yield found;
    }
  }

  async #readList(list: NtfsAttribute, number: number): Promise<Buffer> {
    const what = `the attribute list of file ${number}`;
    if ('value' in list.body) return list.body.value;
    const { lowestVcn, mappingPairs, dataBytes } = list.body;
    if (dataBytes > maxListBytes) throw corrupt(`${what} is too long`);
    const runs: NtfsRun[] = [];
    appendRuns(runs, mappingPairs, { lowestVcn, clusterCount: this.geometry.clusterCount, what });
    return await this.#readRuns(runs, 0, dataBytes, what);
  }
}

function belongs(record: NtfsRecord, reference: FileReference, base: FileReference | null): boolean {
  if (record.sequence !== reference.sequence) return false;
  return record.base?.number === base?.number && record.base?.sequence === base?.sequence;
}

function startsAt({ body }: NtfsAttribute, vcn: number): boolean {
  return ('value' in body ? 0 : body.lowestVcn) === vcn;
}

function* parseList(list: Buffer, number: number) {
  for (let at = 0; at < list.length; ) {
    const length = at + 26 <= list.length ? list.readUInt16LE(at + 4) : 0;
    const nameAt = at + (list[at + 7] ?? 0);
    const nameEnd = nameAt + 2 * (list[at + 6] ?? 0);
    if (length < 26 || at + length > list.length || nameEnd > at + length) {
      throw corrupt(`the attribute list of file ${number} is damaged`);
    }
    yield {
      type: list.readUInt32LE(at),
      name: list.toString('utf16le', nameAt, nameEnd),
      lowestVcn: Number(list.readBigUInt64LE(at + 8)),
      reference: readReference(list, at + 16),
    };
    at += length;
  }
}
