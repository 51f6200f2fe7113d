// Which slots of a disk a restore has to read back, or has overwritten: a bit each, kept only for segments that have any.
import { segmentSizeBytes } from './slots.ts';

export class SlotSet {
  readonly #slotsPerSegment: number;
  readonly #bits = new Map<number, Uint8Array>();

  constructor(chunkSizeBytes: number) {
    this.#slotsPerSegment = segmentSizeBytes / chunkSizeBytes;
  }

  /** `slot` counts from the start of the disk. */
  add(slot: number): void {
    const segment = Math.floor(slot / this.#slotsPerSegment);
    const bits = this.#bits.get(segment) ?? new Uint8Array(this.#slotsPerSegment / 8);
    this.#bits.set(segment, bits);
    const at = slot % this.#slotsPerSegment;
    bits[at >> 3] = (bits[at >> 3] ?? 0) | (1 << (at & 7));
  }

  has(slot: number): boolean {
    const at = slot % this.#slotsPerSegment;
    const byte = this.#bits.get(Math.floor(slot / this.#slotsPerSegment))?.[at >> 3] ?? 0;
    return (byte & (1 << (at & 7))) !== 0;
  }

  hasSegment(segment: number): boolean {
    return this.#bits.has(segment);
  }
}
