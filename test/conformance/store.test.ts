import fs from 'node:fs/promises';
import path from 'node:path';
import { openDirectoryStore } from '../../imaging/store/directory-store.ts';
import { openMemoryStore } from '../../imaging/store/memory-store.ts';
import { smallFilesFolder } from '../fixtures/temp-directory.ts';
import { maintenanceConformance } from './maintenance-conformance.ts';
import { type StoreUnderTest, storeConformance } from './store-conformance.ts';

const inMemory = async (): Promise<StoreUnderTest> => ({
  open: async () => openMemoryStore(),
  dispose: async () => {},
});

const inDirectory = async (): Promise<StoreUnderTest> => {
  const directory = await fs.mkdtemp(path.join(await smallFilesFolder(), 'deploy-os-store-'));
  return {
    open: () => openDirectoryStore(directory, { create: true }),
    dispose: () => fs.rm(directory, { recursive: true }),
  };
};

storeConformance('the memory store', inMemory);
storeConformance('the directory store', inDirectory);
maintenanceConformance('the memory store', inMemory);
maintenanceConformance('the directory store', inDirectory);
