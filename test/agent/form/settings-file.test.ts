import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { editSettings } from '../../../agent/form/settings-file.ts';

const words = { server: 'https://10.0.0.1:7433', ca: 'sha256:0a', ip: '10.0.0.5/24', vlan: 'none', nic: 'eth0' };
const template = readFileSync(join(import.meta.dirname, '../../../initramfs/boot/deploy-os.conf'), 'utf8');

it('puts each setting where the file offers it, and leaves all else as it is', () => {
  const edited = editSettings(template, words, { sameServer: true }).split('\n');
  const before = template.split('\n');
  expect(edited).toHaveLength(before.length);
  const changed = edited.filter((line, i) => line !== before[i]);
  expect(changed).toEqual([
    "server='https://10.0.0.1:7433'",
    "ca='sha256:0a'",
    "ip='10.0.0.5/24'",
    "nic='eth0'",
    "vlan='none'",
  ]);
  expect(editSettings(edited.join('\n'), words, { sameServer: true })).toBe(edited.join('\n'));
});

it('takes the place of what a person has set, where GRUB would have taken the last', () => {
  const file = "# mine\r\nip=dhcp\r\noptions='deploy.shell'\r\nip=10.0.0.9/24\r\n#ip=\r\nserver=x";
  expect(editSettings(file, words, { sameServer: true })).toBe(
    "# mine\r\noptions='deploy.shell'\r\nip='10.0.0.5/24'\r\n#ip=\r\nserver='https://10.0.0.1:7433'\r\n" +
      "ca='sha256:0a'\r\nvlan='none'\r\nnic='eth0'\r\n",
  );
});

it('makes a whole file of an empty one', () => {
  expect(editSettings('', words, { sameServer: true }).split('\n')).toHaveLength(6);
});

it('takes back the secret of another server', () => {
  const edited = editSettings('secret=den_1\n#secret=den_\n', words, { sameServer: false });
  expect(edited).toMatch(/^secret='none'\n#secret=den_\n/);
});
