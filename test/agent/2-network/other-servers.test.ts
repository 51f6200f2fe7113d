import { expect, it } from 'vitest';
import { judgeServers } from '../../../agent/2-network/other-servers.ts';
import { en } from '../../../agent/screen/words/en.ts';
import type { DhcpOffer } from '../../../protocol/dhcp-packets.ts';

const gives: DhcpOffer = { server: '10.0.0.1', address: '10.0.0.50', bootFile: null, pxe: false };
const proxy: DhcpOffer = { server: '10.0.0.2', address: null, bootFile: null, pxe: true };
const both: DhcpOffer = { server: '10.0.0.10', address: '10.0.0.60', bootFile: 'x.efi', pxe: true };
const say = (...offers: DhcpOffer[]) => judgeServers(offers).map((fault) => fault(en));

it('finds nothing wrong with one server of each kind', () => {
  for (const offers of [[], [gives], [both], [proxy], [gives, proxy]]) expect(say(...offers)).toEqual([]);
});

it('names all that give addresses, and all that give a boot file, by address in order', () => {
  expect(say(both, gives)).toEqual([
    expect.stringMatching(/^several DHCP servers .*: 10\.0\.0\.1 \(10\.0\.0\.50\), 10\.0\.0\.10 \(10\.0\.0\.60\);/),
  ]);
  expect(say(both, proxy)).toEqual([
    expect.stringMatching(/^several PXE servers .*: 10\.0\.0\.2, 10\.0\.0\.10 \(x\.efi\);/),
  ]);
  expect(say(gives, both, proxy)).toHaveLength(2);
});
