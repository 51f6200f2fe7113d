// The fixed memory a worker slices chunks in: page-aligned, as direct I/O wants it, and allocated once.

// TypeScript knows WebAssembly only with the browser's types.
declare const WebAssembly: { Memory: new (pages: { initial: number; maximum: number }) => { buffer: ArrayBuffer } };

/** `count` buffers of `sizeBytes` (a multiple of 4096). Node's own buffers are not page-aligned; WebAssembly's memory is. */
export function allocateArena(count: number, sizeBytes: number): Buffer[] {
  const pages = Math.ceil((count * sizeBytes) / 65536);
  const { buffer } = new WebAssembly.Memory({ initial: pages, maximum: pages });
  return Array.from({ length: count }, (_, i) => Buffer.from(buffer, i * sizeBytes, sizeBytes));
}
