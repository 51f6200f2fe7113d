// Bytes that change on the way between a client and a server, or in a store: nothing wrong is ever taken for right.
import fs from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { captureImage } from '../../imaging/capture.ts';
import { restoreImage } from '../../imaging/restore.ts';
import { openHttpStore } from '../../imaging/store/http-store.ts';
import { openMemoryStore } from '../../imaging/store/memory-store.ts';
import { fetchPinnedCa } from '../../imaging/store/pinned-ca.ts';
import { verifyImage } from '../../imaging/verify.ts';
import { makeRawDisk, noise } from '../fixtures/disks.ts';
import { storeFlippingBit } from '../fixtures/fault-store.ts';
import {
  cutInTransit,
  doubledInTransit,
  flippedBitInTransit,
  shortInTransit,
  type Wire,
} from '../fixtures/faulty-wire.ts';
import { withTempDirectory } from '../fixtures/temp-directory.ts';
import { startTestServer, type TestServer } from '../imaging/store/test-server.ts';

const mib = 2 ** 20;
let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

async function openStore(port: number) {
  const { url, caFingerprint, operatorToken } = server.running;
  const { ca } = await fetchPinnedCa(url, caFingerprint);
  const headers = { authorization: `Bearer ${operatorToken}` };
  return openHttpStore({ url: `https://127.0.0.1:${port}`, ca, headers, maxSockets: 2, retryForMs: 60_000 });
}

/** In the handshake, in the first request, in the middle of chunks. */
const places = [40, 700, 1500, 3000, 20_000, 400_000, 1_500_000];

test.each<[string, (port: number) => Promise<Wire>]>([
  ['flips bits', (port) => flippedBitInTransit(port, places)],
  ['is cut', (port) => cutInTransit(port, places)],
  ['says things twice', (port) => doubledInTransit(port, places)],
  ['delivers in pieces', shortInTransit],
])('a capture and a restore over a wire that %s end with the right bytes', async (what, openWire) => {
  await withTempDirectory(async (directory) => {
    const bytes = noise(12 * mib, what);
    const source = await makeRawDisk(path.join(directory, 'source'), 12 * mib, [{ offsetBytes: 0, bytes }]);
    for (const way of ['there', 'back']) {
      const wire = await openWire(server.running.port);
      const store = await openStore(wire.port);
      try {
        if (way === 'there') await captureImage({ sourcePath: source, imageName: what, store });
        else await restoreImage({ imageName: what, targetPath: path.join(directory, 'target'), store });
        expect(wire.damaged()).toBeGreaterThan(2);
      } finally {
        await store.close();
        await wire.close();
      }
    }
    expect((await fs.readFile(path.join(directory, 'target'))).equals(bytes)).toBe(true);
    const direct = await openStore(server.running.port);
    expect((await verifyImage({ imageName: what, store: direct })).problems).toEqual([]);
    await direct.close();
  });
});

test('a CA certificate with a flipped bit, which comes in the clear, is not believed', async () => {
  const { caFingerprint, port } = server.running;
  const damages = Array.from({ length: 40 }, (_, i) => 150 + i * 19);
  const wire = await flippedBitInTransit(port, damages);
  const { ca } = await fetchPinnedCa(server.running.url, caFingerprint);
  for (const _ of damages) {
    const fetched = await fetchPinnedCa(`https://127.0.0.1:${wire.port}`, caFingerprint, { timeoutMs: 2000 }).catch(
      (thrown: { code: string }) => thrown.code,
    );
    // A bit of a header, or of the lines around the certificate, may not matter.
    if (typeof fetched === 'object') expect(fetched.ca).toBe(ca);
    else expect(fetched).toMatch(/^server-(untrusted|unreachable|error)$/);
  }
  await wire.close();
});

test.each([0, 5, 9, 13, 1000, 700_000])(
  'a store that flips a bit of byte %i of what it gives is found out',
  async (at) => {
    await withTempDirectory(async (directory) => {
      const bytes = noise(3 * mib, 'flipped');
      const source = await makeRawDisk(path.join(directory, 'source'), 3 * mib, [{ offsetBytes: 0, bytes }]);
      const store = openMemoryStore();
      await captureImage({ sourcePath: source, imageName: 'one', store });
      const faulty = storeFlippingBit(store, at);
      const target = path.join(directory, 'target');
      const restoring = restoreImage({ imageName: 'one', targetPath: target, store: faulty });
      await expect(restoring).rejects.toMatchObject({ code: expect.stringMatching(/^(chunk|manifest)-corrupt$/) });
      const { problems } = await verifyImage({ imageName: 'one', store: faulty });
      expect(problems.length).toBeGreaterThan(0);
    });
  },
);
