// What an export writes, from first byte to last: bytes, and runs of zeros that a file leaves out and a stream does not.

export type Piece = { readonly bytes: Uint8Array } | { readonly zeroBytes: number };
