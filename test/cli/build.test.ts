import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { withTempDirectory } from '../fixtures/temp-directory.ts';

const cli = path.join(import.meta.dirname, '../../cli/deploy-os');
const server = ['--server', 'https://10.0.0.1:7433', '--ca', `sha256:${'0a'.repeat(32)}`];

test('a medium whose machines could not start is not made, and the value that is wrong is named', async () => {
  await withTempDirectory(async (directory) => {
    const out = path.join(directory, 'out');
    const wrong = {
      "deploy.ip=10.0.0.5/24,10.0.1.1: the gateway '10.0.1.1' is not in the network 10.0.0.5/24": [
        '--ip',
        '10.0.0.5/24,10.0.1.1',
      ],
      'deploy.vlan=4095: the number of a VLAN is wanted, 1 to 4094': ['--vlan', '4095'],
      "deploy.bond=bond0:eth0,eth1:mode=lacp: 'lacp' is no value of mode": ['--bond', 'bond0:eth0,eth1:mode=lacp'],
      'deploy.nic=52:54:00: a MAC address': ['--nic', '52:54:00'],
      'deploy.language=de: one of en, ja': ['--language', 'de'],
    };
    for (const [words, flags] of Object.entries(wrong)) {
      const { status, stderr } = spawnSync(cli, ['build', '--out', out, ...server, ...flags], { encoding: 'utf8' });
      expect(stderr).toContain(words);
      expect(status).toBe(2);
    }
    expect(existsSync(out)).toBe(false);
  });
});
