import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { openDirectoryStore } from '../../imaging/store/directory-store.ts';
import { openMemoryStore } from '../../imaging/store/memory-store.ts';
import { storeConformance } from './store-conformance.ts';

storeConformance('the memory store', async () => ({ open: async () => openMemoryStore(), dispose: async () => {} }));

storeConformance('the directory store', async () => {
  const directory = await fs.mkdtemp(path.join(os.tmpdir(), 'deploy-os-store-'));
  return {
    open: () => openDirectoryStore(directory, { create: true }),
    dispose: () => fs.rm(directory, { recursive: true }),
  };
});
