import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const fixtures = join(import.meta.dirname, '../fixtures');

// Needs root for namespaces of its own; the host's network is not touched.
it.runIf(process.getuid?.() === 0)(
  'finds the server through the NIC that leads to it, late as it is, beside one that another DHCP server answers first',
  async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'deploy-os-lan-'));
    try {
      const { stdout } = await promisify(execFile)(
        'sh',
        [
          join(fixtures, 'network/run-in-lan.sh'),
          dataDir,
          process.execPath,
          join(fixtures, 'agent/server-process.ts'),
          process.execPath,
          join(fixtures, 'network/find-server-once.ts'),
        ],
        { timeout: 60_000 },
      );
      const found = JSON.parse(stdout);
      expect(found.foundCa).toBe(true);
      expect(found.messages).toEqual([
        expect.stringMatching(/^found https:\/\/10\.77\.0\.1:7433 through lan, address 10\.77\.0\.10\d$/),
      ]);
      expect(found.route).toMatch(/^10\.77\.0\.1 dev lan src 10\.77\.0\.10\d/);
      expect(found.addresses.dmz[0]).toMatch(/^10\.77\.0\.5\d$/);
      expect(found.waits.join('\n')).toMatch(/lan .*waiting for/);
      expect(found.waits.join('\n')).toMatch(/dmz .*address 10\.77\.0\.5\d, asking the server/);
    } finally {
      await rm(dataDir, { recursive: true, force: true });
    }
  },
  60_000,
);
