import fs from 'node:fs/promises';
import path from 'node:path';
import { openDirectoryStore } from '../../imaging/store/directory-store.ts';
import { openHttpStore } from '../../imaging/store/http-store.ts';
import { openMemoryStore } from '../../imaging/store/memory-store.ts';
import { fetchPinnedCa } from '../../imaging/store/pinned-ca.ts';
import { encrypted } from '../fixtures/encrypted-stores.ts';
import { smallFilesFolder } from '../fixtures/temp-directory.ts';
import { startTestServer } from '../imaging/store/test-server.ts';
import { storeConformance } from './store-conformance.ts';

storeConformance('an encrypted store in memory', async () => ({
  open: () => encrypted(openMemoryStore()),
  dispose: async () => {},
  reshapes: true,
}));

storeConformance('an encrypted store in a directory', async () => {
  const directory = await fs.mkdtemp(path.join(await smallFilesFolder(), 'deploy-os-store-'));
  return {
    open: async () => encrypted(await openDirectoryStore(directory, { create: true })),
    dispose: () => fs.rm(directory, { recursive: true }),
    reshapes: true,
  };
});

storeConformance('an encrypted store behind a server', async () => {
  const server = await startTestServer();
  const { url, caFingerprint, operatorToken } = server.running;
  const { ca } = await fetchPinnedCa(url, caFingerprint);
  return {
    open: async () =>
      encrypted(await openHttpStore({ url, ca, headers: { authorization: `Bearer ${operatorToken}` } })),
    dispose: () => server.close(),
    reshapes: true,
  };
});
