// R21: a second DHCP or PXE server on the segment is named. R25: so is a firewall that names none of our ports.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { findUnnamedPorts } from '../../../server/doctor/check-host.ts';
import { judgeOffers } from '../../../server/doctor/check-services.ts';
import { checkCodes } from '../../../server/doctor/finding.ts';

const bootAddress = '10.9.0.1';
const own = { server: bootAddress, address: '10.9.0.10', bootFile: 'undionly.kpxe' };
const router = { server: '10.9.0.254', address: '10.9.0.77', bootFile: null };
const pxe = { server: '10.9.0.3', address: null, bootFile: 'pxelinux.0' };

test.each([
  ['ours alone', 'full', [own], ['dhcp ok']],
  ['a router that gives addresses beside ours', 'full', [own, router], ['dhcp ok', 'dhcp-other fault']],
  ['nobody', 'full', [], ['dhcp fault']],
  ['a proxy beside the router', 'proxy', [{ ...own, address: null }, router], ['dhcp ok', 'dhcp ok']],
  ['a proxy alone', 'proxy', [{ ...own, address: null }], ['dhcp ok', 'dhcp fault']],
  ['a proxy that does not answer', 'proxy', [router], ['dhcp fault', 'dhcp ok']],
  ['one more server for network boots', 'full', [own, pxe], ['dhcp ok', 'dhcp-other fault']],
  ['a DHCP server that names our file', null, [{ ...router, bootFile: 'shimx64.efi' }], ['dhcp ok', 'dhcp ok']],
  ['ours, asked from another machine', null, [own], ['dhcp ok', 'dhcp ok']],
  [
    'our proxy, asked from another machine',
    null,
    [{ ...own, address: null, bootFile: 'snponly.efi' }, router],
    ['dhcp ok', 'dhcp ok'],
  ],
  ['one that names none', null, [router], ['dhcp ok', 'dhcp fault']],
] as const)('%s', (_, dhcp, offers, wanted) => {
  const checks = judgeOffers(offers, { dhcp, bootAddress });
  expect(checks.map(({ code, outcome }) => `${code} ${outcome}`)).toEqual(wanted);
  for (const { outcome, advice } of checks) expect(advice === null).toBe(outcome === 'ok');
});

const table = (policy: string, rules: string) =>
  `table inet filter {\n\tchain input {\n\t\ttype filter hook input priority filter; policy ${policy};\n${rules}\n\t}\n}\n`;
const forwards = 'table ip filter {\n\tchain f {\n\t\ttype filter hook forward priority 0; policy drop;\n\t}\n}\n';

test.each([
  ['no firewall', '', []],
  ['one that lets all in', table('accept', '\t\ttcp dport 22 accept'), []],
  [
    'one that lets in what it names',
    table('drop', '\t\ttcp dport { 22, 7433 } accept\n\t\tudp dport 67-69 accept'),
    [],
  ],
  ['one that lets in nothing of ours', table('drop', '\t\ttcp dport 22 accept'), [7433, 67, 69]],
  [
    'one whose last rule drops',
    table('accept', '\t\ttcp dport 7433 accept\n\t\tcounter packets 3 bytes 84 drop'),
    [67, 69],
  ],
  ['one that drops what it forwards only', forwards, []],
])('ports that are not let in by name: %s', (_, ruleset, wanted) => {
  expect(findUnnamedPorts(ruleset, [7433, 67, 69])).toEqual(wanted);
});

test('every check is in docs/operations/doctor.md, and nothing else is', async () => {
  const text = await readFile(path.join(import.meta.dirname, '../../../docs/operations/doctor.md'), 'utf8');
  const [, table = ''] = text.split('| check | what is asked |');
  const named = [...(table.split('\n\n', 1)[0] ?? '').matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, code]) => code);
  expect(named).toEqual([...checkCodes]);
});
