// Answers of foreign servers are hostile until parsed; TFTP is asked of a real server.
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { chmod, writeFile } from 'node:fs/promises';
import path from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';

import { readOffer } from '../../../protocol/dhcp-packets.ts';
import { fetchTftp } from '../../../server/doctor/fetch-tftp.ts';
import { withTempDirectory } from '../../fixtures/temp-directory.ts';

function offerOf(options: readonly number[], file = ''): Buffer {
  const packet = Buffer.alloc(240);
  packet.set([2, 1, 6, 0, 0, 0, 0, 9]);
  packet.set([10, 9, 0, 44], 16);
  packet.write(file, 108, 'latin1');
  packet.set([99, 130, 83, 99], 236);
  return Buffer.concat([packet, Buffer.from(options)]);
}

const bootFile = [67, 6, ...Buffer.from('b.kpxe')];
const server = [54, 4, 10, 9, 0, 3];

test('an offer is read from its options, or from its fields', () => {
  expect(readOffer(offerOf([53, 1, 2, ...server, ...bootFile, 255]), [9], '10.9.0.4')).toEqual({
    server: '10.9.0.3',
    address: '10.9.0.44',
    bootFile: 'b.kpxe',
    pxe: false,
  });
  expect(readOffer(offerOf([53, 1, 2, 255], 'field.efi'), [9], '10.9.0.4')).toMatchObject({
    server: '10.9.0.4',
    bootFile: 'field.efi',
  });
  expect(readOffer(offerOf([53, 1, 2, 255]), [10, 11], '10.9.0.4')).toBeNull();
  expect(readOffer(offerOf([53, 1, 5, 255]), [9], '10.9.0.4')).toBeNull();
  // The field holds options: it is no name.
  expect(readOffer(offerOf([53, 1, 2, 52, 1, 1, 255], 'field.efi'), [9], '10.9.0.4')?.bootFile).toBeNull();
});

test('no packet makes it fail, and none puts control characters on the screen', () => {
  const head = offerOf([53, 1, 2]);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), fc.nat(600), (bytes, keep) => {
      const packet = Buffer.concat([head, Buffer.from(bytes)]).subarray(0, keep);
      expect(readOffer(packet, [9], '10.9.0.4')?.bootFile ?? '').toMatch(/^[\x20-\x7e]*$/);
    }),
    { numRuns: 2000 },
  );
});

test.skipIf(process.getuid?.() !== 0)(
  'a file comes whole from dnsmasq; one that is not there is an error in its words',
  async () => {
    await withTempDirectory(async (folder) => {
      await chmod(folder, 0o755);
      // As many bytes as make the last block an empty one.
      const bytes = randomBytes(1428 * 60);
      await writeFile(path.join(folder, 'loader'), bytes, { mode: 0o644 });
      // A network of its own: dnsmasq has no option for another port than 69.
      const script = path.join(import.meta.dirname, '../../fixtures/network/fetch-tftp-beside-dnsmasq.sh');
      const fetched = execFileSync('unshare', ['--net', 'sh', script, folder, process.execPath], { encoding: 'utf8' });
      expect(JSON.parse(fetched)).toEqual([
        { kind: 'file', sizeBytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') },
        { kind: 'error', message: expect.stringMatching(/not found/) },
      ]);
    });
  },
);

/** A TFTP server that answers the n-th packet with the blocks of `answer(n)`. */
async function withServer(answer: (packet: number) => Buffer | null, work: (port: number) => Promise<void>) {
  const socket: Socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  let packet = 0;
  socket.on('message', (_, from) => {
    const said = answer(++packet);
    if (said !== null) socket.send(said, from.port, from.address);
  });
  try {
    await work(socket.address().port);
  } finally {
    socket.close();
  }
}

const blockOf = (number: number) => Buffer.concat([Buffer.from([0, 3, number >> 8, number & 0xff]), Buffer.alloc(512)]);

test('silence and a transfer that breaks off are told apart', async () => {
  const ask = (port: number) => fetchTftp({ address: '127.0.0.1', port, file: 'x', maxBytes: 10_000, patienceMs: 300 });
  await withServer(
    () => null,
    async (port) => expect(await ask(port)).toEqual({ kind: 'silence', blocksReceived: 0 }),
  );
  await withServer(
    (packet) => (packet <= 2 ? blockOf(packet) : null),
    async (port) => expect(await ask(port)).toEqual({ kind: 'silence', blocksReceived: 2 }),
  );
});

test('a file without end is left', async () => {
  await withServer(blockOf, async (port) => {
    const answer = await fetchTftp({ address: '127.0.0.1', port, file: 'x', maxBytes: 5000 });
    expect(answer).toEqual({ kind: 'error', message: 'the file has more than 5000 bytes' });
  });
});
