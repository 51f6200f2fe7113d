import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TreeServer } from '../../../imaging/fuse/answer.ts';
import type { FileTree } from '../../../imaging/fuse/file-tree.ts';
import {
  BadRequest,
  encodeAnswer,
  maxTransferBytes,
  opcodes,
  type Request,
  RequestCutter,
  requestBufferBytes,
} from '../../../imaging/fuse/protocol.ts';

const content = Buffer.from('0123456789');
const tree: FileTree = {
  modifiedSeconds: 0,
  entries: [
    { name: 'disk.img', file: { sizeBytes: 10, read: async (at, length) => content.subarray(at, at + length) } },
    {
      name: 'writable',
      file: { sizeBytes: 10, read: async (_, length) => Buffer.alloc(length), write: async () => {} },
    },
    { name: '1', folder: true },
  ],
};
const server = new TreeServer(tree, { onError: (error) => expect.fail(error.message) });

function request(opcode: number, nodeId: bigint, body: Buffer = Buffer.alloc(0)): Request {
  return { opcode, unique: 7n, nodeId, body };
}

/** `struct fuse_read_in` and, with bytes, `struct fuse_write_in`. */
function range(offset: bigint, size: number, bytes: Buffer = Buffer.alloc(0)): Buffer {
  const body = Buffer.alloc(40);
  body.writeBigUInt64LE(offset, 8);
  body.writeUInt32LE(size, 16);
  return Buffer.concat([body, bytes]);
}

function encode({ opcode, unique, nodeId, body }: Request): Buffer {
  const header = Buffer.alloc(40);
  header.writeUInt32LE(40 + body.length, 0);
  header.writeUInt32LE(opcode, 4);
  header.writeBigUInt64LE(unique, 8);
  header.writeBigUInt64LE(nodeId, 16);
  return Buffer.concat([header, body]);
}

test('requests are the same however the bytes were cut on the way', () => {
  const requests = [
    request(opcodes.lookup, 1n, Buffer.from('disk.img\0')),
    request(opcodes.write, 2n, range(0n, 100_000, Buffer.alloc(100_000, 'x'))),
    request(opcodes.destroy, 0n),
    request(opcodes.read, 2n, range(0n, 4096)),
  ];
  const bytes = Buffer.concat(requests.map(encode));
  fc.assert(
    fc.property(fc.array(fc.nat(bytes.length), { maxLength: 30 }), (cuts) => {
      const cutter = new RequestCutter();
      const places = [0, ...cuts.sort((a, b) => a - b), bytes.length];
      const found = places.slice(1).flatMap((end, i) => [...cutter.take(bytes.subarray(places[i], end))]);
      expect(found).toEqual(requests);
    }),
    { numRuns: 50 },
  );
});

test('a request that claims less than its header or more than the buffer ends the connection', () => {
  for (const length of [0, 39, requestBufferBytes + 1, 0xffff_ffff]) {
    const bytes = encode(request(opcodes.getattr, 1n));
    bytes.writeUInt32LE(length, 0);
    expect(() => [...new RequestCutter().take(bytes)]).toThrow(BadRequest);
  }
});

test('no request whatever makes the server throw, or answer more than the kernel asked for', async () => {
  const known = Object.values(opcodes);
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(fc.constantFrom(...known), fc.nat(5000)),
      fc.bigInt(0n, 2n ** 64n - 1n),
      fc.uint8Array({ maxLength: 120 }),
      async (opcode, nodeId, body) => {
        const answer = await server.answer(
          request(opcode, nodeId % 3n === 0n ? nodeId : nodeId % 8n, Buffer.from(body)),
        );
        if (answer === null) return;
        const [header, data = Buffer.alloc(0)] = encodeAnswer(7n, answer);
        expect(header?.readUInt32LE(0)).toBe(16 + data.length);
        expect(data.length).toBeLessThanOrEqual(maxTransferBytes);
      },
    ),
    { numRuns: 2000 },
  );
});

test('a read is cut at the end of the file, and behind it there is nothing', async () => {
  expect(await server.answer(request(opcodes.read, 2n, range(8n, 4096)))).toEqual({ data: Buffer.from('89') });
  expect(await server.answer(request(opcodes.read, 2n, range(10n, 1)))).toEqual({ data: Buffer.alloc(0) });
  expect(await server.answer(request(opcodes.read, 2n, range(2n ** 63n, 1)))).toEqual({ error: 'EINVAL' });
  expect(await server.answer(request(opcodes.read, 2n, range(0n, maxTransferBytes + 1)))).toEqual({ error: 'EINVAL' });
});

test('nothing is written to a file that is read-only, and nothing behind the end of one that is not', async () => {
  const two = Buffer.from('xy');
  expect(await server.answer(request(opcodes.write, 2n, range(0n, 2, two)))).toEqual({ error: 'EROFS' });
  expect(await server.answer(request(opcodes.write, 3n, range(9n, 2, two)))).toEqual({ error: 'ENOSPC' });
  expect(await server.answer(request(opcodes.write, 3n, range(8n, 3, two)))).toEqual({ error: 'EINVAL' });
  expect(await server.answer(request(opcodes.write, 4n, range(0n, 2, two)))).toEqual({ error: 'EISDIR' });
  expect(await server.answer(request(opcodes.write, 3n, range(8n, 2, two)))).toMatchObject({
    data: expect.any(Buffer),
  });
});

test('a file is not made longer or shorter', async () => {
  const setSize = (size: bigint) => {
    const body = Buffer.alloc(88);
    body.writeUInt32LE(1 << 3, 0);
    body.writeBigUInt64LE(size, 16);
    return body;
  };
  expect(await server.answer(request(opcodes.setattr, 3n, setSize(9n)))).toEqual({ error: 'EINVAL' });
  expect(await server.answer(request(opcodes.setattr, 3n, setSize(10n)))).toMatchObject({ data: expect.any(Buffer) });
  expect(await server.answer(request(opcodes.setattr, 2n, setSize(9n)))).toEqual({ error: 'EROFS' });
});

test('a folder is listed in pieces without losing an entry', async () => {
  const names: string[] = [];
  for (let next = 0n; ; ) {
    const answer = await server.answer(request(opcodes.readdir, 1n, range(next, 40)));
    const data = answer !== null && 'data' in answer ? answer.data : expect.fail('no data');
    if (data.length === 0) break;
    next = data.readBigUInt64LE(8);
    names.push(data.toString('utf8', 24, 24 + data.readUInt32LE(16)));
  }
  expect(names).toEqual(['.', '..', 'disk.img', 'writable', '1']);
});
