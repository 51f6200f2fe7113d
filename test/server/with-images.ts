// A server whose store holds two images of random bytes, `one` and `two`; and damage to the first.
import fs from 'node:fs/promises';
import path from 'node:path';
import { captureImage } from '../../imaging/capture.ts';
import { loadManifest, loadSegment } from '../../imaging/manifest/load-image.ts';
import type { ChunkStore } from '../../imaging/store/chunk-store.ts';
import { type DirectoryStore, openDirectoryStore } from '../../imaging/store/directory-store.ts';
import { openEncryptedStore } from '../../imaging/store/encrypted-store.ts';
import { openHttpStore } from '../../imaging/store/http-store.ts';
import { fetchPinnedCa } from '../../imaging/store/pinned-ca.ts';
import { makeRawDisk, noise } from '../fixtures/disks.ts';
import { TestServer } from './support.ts';

const mib = 2 ** 20;

/** Its store as an operator far away sees it, and the same store's directory. */
export async function withImages(
  work: (remote: ChunkStore, here: DirectoryStore, server: TestServer) => Promise<void>,
): Promise<void> {
  await using server = await TestServer.start();
  const { url, caFingerprint } = server.running;
  const { ca } = await fetchPinnedCa(url, caFingerprint);
  const http = await openHttpStore({ url, ca, headers: server.operator, retryForMs: 1000 });
  const remote = openEncryptedStore(http, { askSecret: () => Promise.reject(new Error('asked')), encrypt: 'as-read' });
  for (const name of ['one', 'two']) {
    const file = path.join(server.dataDir, name);
    const disk = await makeRawDisk(file, 3 * mib, [{ offsetBytes: 0, bytes: noise(3 * mib, name) }]);
    await captureImage({ sourcePath: disk, imageName: name, store: remote, workers: 1 });
  }
  const here = await openDirectoryStore(path.join(server.dataDir, 'store'), { create: false });
  try {
    await work(remote, here, server);
  } finally {
    await Promise.all([remote.close(), here.close()]);
  }
}

/** Cuts the first chunk of image `one` in half; what it returns puts it right again. */
export async function damageChunk(store: DirectoryStore): Promise<() => Promise<void>> {
  const [digest = ''] = [...(await loadSegment(store, await loadManifest(store, 'one'), 0))].flatMap(
    (slot) => slot.digest ?? [],
  );
  const file = store.chunkPath(digest);
  const whole = await fs.readFile(file);
  await fs.truncate(file, mib / 2);
  return () => fs.writeFile(file, whole);
}
