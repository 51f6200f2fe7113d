// A tagged network with an address that was given, over two joined NICs: what leaves them carries the tag. The kernel of the host may have no VLANs, so a machine it is.
import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildDeployOs } from '../../initramfs/build.ts';
import type { MachineSpec } from '../../scripts/lab/machine-spec.ts';
import { NetworkNamespace } from '../../scripts/lab/network-namespace.ts';
import { Machine } from '../../scripts/lab/qemu.ts';
import { Site } from '../../scripts/lab/site.ts';

const bootWithinMs = 300_000;

let folder: string;
let network: NetworkNamespace;

beforeAll(async () => {
  folder = await Site.makeFolder();
  network = await NetworkNamespace.create();
});

afterAll(async () => {
  network?.close();
  await rm(folder, { recursive: true, force: true });
});

const macs = ['52:54:00:00:00:05', '52:54:00:00:00:06'];
const isOurs = (mac: string): boolean => macs.some((own) => own.replaceAll(':', '') === mac);

/** The frames of a pcap file: a header of 24 bytes, then of 16 bytes before each frame, with its length at 8 (draft-ietf-opsawg-pcap, 4 and 5). */
function readFrames(pcap: Buffer): Buffer[] {
  const frames: Buffer[] = [];
  for (let at = 24; at + 16 <= pcap.length; ) {
    const length = pcap.readUInt32LE(at + 8);
    frames.push(pcap.subarray(at + 16, at + 16 + length));
    at += 16 + length;
  }
  return frames;
}

test('the server is asked for in the VLAN that was named, by the address that was given', async () => {
  const outDir = path.join(folder, 'deploy-os');
  await buildDeployOs({ outDir });
  const [vmlinuz, initramfs] = [path.join(outDir, 'vmlinuz'), path.join(outDir, 'initramfs.img')];
  const bond = `bond0:${macs.join(',')}:mode=802.3ad,lacp_rate=fast`;
  const words = `deploy.server=10.88.0.1:7433 deploy.ca=sha256:${'0a'.repeat(32)} deploy.token=t deploy.ip=10.88.0.20/24 deploy.vlan=5 deploy.bond=${bond}`;
  const kernel = { vmlinuz, initramfs, options: `console=ttyS0,115200 panic=-1 ${words}` };
  const framesOf = (mac: string) => path.join(folder, `${mac.slice(-2)}.pcap`);
  const nics = macs.map((mac) => ({ mac, model: 'e1000', framesTo: framesOf(mac) }) as const);
  const spec: MachineSpec = { name: 'vlan', bootFrom: 'kernel', kernel, disks: [], nics, memoryMiB: 512 };
  await using machine = await Machine.start(spec, network, folder);
  // A bridge of Linux keeps LACP to itself: the NICs are one all the same.
  const fault = /bond0 .*address 10\.88\.0\.20, 10\.88\.0\.1 cannot be reached.*; the switch does not answer LACP/;
  await machine.waitForSerial(fault, bootWithinMs);

  // IEEE 802.1Q, 9.6: 0x8100 where an untagged frame has its type, the tag, then the type: here ARP. RFC 826: from whom, for whom.
  const all = (await Promise.all(macs.map((mac) => readFile(framesOf(mac))))).map(readFrames);
  const sent = all.flat().filter((frame) => isOurs(frame.subarray(6, 12).toString('hex')));
  const ofIpv4 = sent.filter((frame) => /^(0800|0806|8100....080[06])/.test(frame.subarray(12, 18).toString('hex')));
  const arp = ofIpv4.map((frame) => frame.subarray(12, 46).toString('hex'));
  expect(arp.length).toBeGreaterThan(0);
  for (const frame of arp) expect(frame).toMatch(/^81000005/);
  expect(
    arp.some((frame) => frame.slice(8).startsWith('0806') && frame.includes('0a580014') && frame.endsWith('0a580001')),
  ).toBe(true);
  // IEEE 802.1AX, 6.4.2: LACP, from each of them.
  for (const frames of all) {
    expect(frames.some((frame) => frame.subarray(12, 15).toString('hex') === '880901')).toBe(true);
  }
});
