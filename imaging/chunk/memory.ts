// Large buffers are handed over between threads and freed by hand: the garbage collector would let hundreds of MiB of them pile up.

/** What of `bytes` can be handed over instead of copied: all, unless it is a part of something larger. */
export function ownedMemory(bytes: Uint8Array | null): ArrayBuffer[] {
  const owned = bytes !== null && bytes.buffer instanceof ArrayBuffer && bytes.byteLength === bytes.buffer.byteLength;
  return owned ? [bytes.buffer as ArrayBuffer] : [];
}

/** Frees the memory of a buffer that nobody uses any more; one from Node's shared pool is left alone. */
export function freeMemory(bytes: Uint8Array): void {
  if (bytes.buffer instanceof ArrayBuffer && bytes.buffer.byteLength > 65_536) bytes.buffer.transfer(0);
}
