import { expect, it } from 'vitest';
import { parseCommandLine, readMediumId } from '../../../agent/1-boot/command-line.ts';
import { addGiven } from '../../../agent/form/given.ts';

const ca = `sha256:${'0a'.repeat(32)}`;
const kernel = `deploy.server=10.0.0.1:7433 deploy.ca=${ca} deploy.token=t deploy.vlan=5 deploy.nic=eth1 BOOTIF=01-52-54-00-00-00-01\n`;
const words = { server: '10.0.0.1:7433', ca, ip: '10.0.0.5/24', vlan: '', nic: '' };

it('puts what the form was told before what the kernel was, also where a field was emptied', () => {
  expect(parseCommandLine(addGiven(kernel, words))).toMatchObject({
    serverUrl: 'https://10.0.0.1:7433',
    ip: { kind: 'static', address: '10.0.0.5' },
    vlan: null,
    preferredNic: null,
    token: 't',
    bootMac: '52:54:00:00:00:01',
  });
});

it("keeps a server's token and secret from another server, which is one with another CA", () => {
  const kernelText = `${kernel.trim()} deploy.secret=den_1`;
  const moved = parseCommandLine(addGiven(kernelText, { ...words, server: '10.0.0.2:7433' }));
  expect([moved.token, moved.secret]).toEqual(['t', 'den_1']);
  const other = parseCommandLine(addGiven(kernelText, { ...words, ca: `sha256:${'0b'.repeat(32)}` }));
  expect([other.token, other.secret]).toEqual([null, null]);
});

it('knows the medium by what GRUB says of it, and nothing else', () => {
  expect(readMediumId('a deploy.medium=2026-11-14-12-56-01-00')).toBe('2026-11-14-12-56-01-00');
  for (const id of ['', 'deploy.medium=', 'deploy.medium=x', 'deploy.medium=2026-11-14'])
    expect(readMediumId(id)).toBeNull();
});
