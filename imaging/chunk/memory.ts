// Large buffers are handed over between threads and freed by hand: the garbage collector would let hundreds of MiB of them pile up.

/** What of `bytes` can be handed over instead of copied: all, unless it is a part of something larger. */
export function ownedMemory(bytes: Uint8Array | null): ArrayBuffer[] {
  const owned = bytes !== null && bytes.buffer instanceof ArrayBuffer && bytes.byteLength === bytes.buffer.byteLength;
  return owned ? [bytes.buffer as ArrayBuffer] : [];
}

/** The memory behind all of them, each once, to be handed over when nobody needs anything that lies in it; what Node's shared pool holds is copied. */
export function memoryBehind(all: readonly Uint8Array[]): ArrayBuffer[] {
  const large = all.map(({ buffer }) => buffer).filter((buffer) => buffer instanceof ArrayBuffer && isOwn(buffer));
  return [...new Set(large as ArrayBuffer[])];
}

/** Frees the memory of a buffer that nobody uses any more; one from Node's shared pool is left alone. */
export function freeMemory(bytes: Uint8Array): void {
  if (bytes.buffer instanceof ArrayBuffer && isOwn(bytes.buffer)) bytes.buffer.transfer(0);
}

/** Node's pool, in which small buffers lie side by side, is no larger than that. */
function isOwn(buffer: ArrayBuffer): boolean {
  return buffer.byteLength > 65_536;
}
