import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { broadcastOf, isInNetwork, makeMagicPacket, sendMagicPacket } from '../../../protocol/magic-packet.ts';
import type { ConnectedAgent } from '../../../server/agents/registry.ts';
import { chooseRelays } from '../../../server/power/wake.ts';

describe('a magic packet', () => {
  it('is six bytes of ones, sixteen times the address, and the password', () => {
    const plain = makeMagicPacket('52:54:00:ab:cd:ef');
    expect(plain.toString('hex')).toBe(`ffffffffffff${'525400abcdef'.repeat(16)}`);
    expect(makeMagicPacket('52:54:00:ab:cd:ef', '01-02-03-04-05-06').subarray(102).toString('hex')).toBe(
      '010203040506',
    );
  });

  it('reaches who listens on the network, three times', async () => {
    const listener = createSocket('udp4').bind(0, '0.0.0.0');
    await once(listener, 'listening');
    const { port } = listener.address() as AddressInfo;
    const heard: Buffer[] = [];
    listener.on('message', (packet: Buffer) => heard.push(packet));
    await sendMagicPacket({ macs: ['52:54:00:00:00:01'], port }, ['127.255.255.255']);
    while (heard.length < 3) await once(listener, 'message');
    listener.close();
    expect(new Set(heard.map((packet) => packet.toString('hex')))).toEqual(
      new Set([makeMagicPacket('52:54:00:00:00:01').toString('hex')]),
    );
  });

  it('that can be sent nowhere is an error with advice', async () => {
    await expect(sendMagicPacket({ macs: ['52:54:00:00:00:01'] }, [])).rejects.toMatchObject({ code: 'power-failed' });
  });
});

describe('networks', () => {
  it.each([
    ['192.0.2.5/24', '192.0.2.255'],
    ['10.1.2.3/8', '10.255.255.255'],
    ['172.16.5.4/20', '172.16.15.255'],
    ['255.255.255.255/30', '255.255.255.255'],
    ['192.0.2.5/31', null],
    ['192.0.2.5/33', null],
    ['192.0.2.256/24', null],
    ['fe80::1/64', null],
    ['192.0.2.5', null],
  ])('%s is broadcast to at %s', (cidr, broadcast) => {
    expect(broadcastOf(cidr)).toBe(broadcast);
  });

  it('hold an address or do not', () => {
    expect(isInNetwork('192.0.2.77/25', '192.0.2.5/24')).toBe(true);
    expect(isInNetwork('192.0.3.77', '192.0.2.5/24')).toBe(false);
    expect(isInNetwork('fe80::1', '192.0.2.5/24')).toBe(false);
  });
});

describe('who relays', () => {
  const agent = (machineId: string, wakesIn: string[], approved = true): ConnectedAgent => ({
    ...{ machineId, bootId: 'b', activeJobId: null, restUntilMs: 0, approved, paused: null, wakesIn },
    send: () => {},
    close: () => {},
  });
  const all = [
    agent('a', ['192.0.2.5/24']),
    agent('b', ['192.0.2.6/24', '10.0.0.1/8']),
    agent('c', ['192.0.2.7/24']),
    agent('d', ['203.0.113.4/24']),
    agent('e', ['203.0.113.5/24'], false),
    agent('f', []),
  ];
  const chosen = (addresses: string[]) => chooseRelays(all, addresses).map(({ machineId }) => machineId);

  it('are two agents in a network where the machine was seen', () => {
    expect(chosen(['203.0.113.9/24'])).toEqual(['d']);
    expect(chosen(['192.0.2.9/24', 'fe80::1/64'])).toEqual(['a', 'b']);
    expect(chosen(['198.51.100.1/24'])).toEqual([]);
  });

  it('are also those in the networks that packets are to be sent to', () => {
    const near = chooseRelays(all, ['192.0.2.9/24'], ['203.0.113.255']);
    expect(near.map(({ machineId }) => machineId)).toEqual(['a', 'b', 'd']);
  });

  it('are two in every network when nobody knows where it is', () => {
    expect(chosen([])).toEqual(['a', 'b', 'd']);
  });
});
