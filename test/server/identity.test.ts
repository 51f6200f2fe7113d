import { describe, expect, it } from 'vitest';
import { listIdentities, normalizeMac } from '../../server/machines/identity.ts';
import { TestServer, uuidA, uuidB } from './support.ts';

const mac = '52:54:00:00:00:01';

describe('a machine', () => {
  it('is known by its UUID alone when that can be believed', () => {
    expect(listIdentities({ uuid: uuidA.toUpperCase(), macs: [mac] })).toEqual([`uuid:${uuidA}`]);
  });

  it.each([
    ['all zeros', '00000000-0000-0000-0000-000000000000'],
    ['all ones', 'ffffffff-ffff-ffff-ffff-ffffffffffff'],
    ['one byte over and over', '11111111-1111-1111-1111-111111111111'],
    ['a vendor default', '03000200-0400-0500-0006-000700080009'],
    ['not a UUID', 'To be filled by O.E.M.'],
    ['absent', null],
  ])('is known by its MAC addresses when the UUID is %s', (_, uuid) => {
    expect(listIdentities({ uuid, macs: ['52-54-00-00-00-01', mac] })).toEqual([`mac:${mac}`]);
  });

  it('is never known by a MAC address that is no address of a card', () => {
    for (const bad of ['00:00:00:00:00:00', 'ff:ff:ff:ff:ff:ff', '01:00:5e:00:00:01', 'nonsense', '']) {
      expect(normalizeMac(bad)).toBeNull();
    }
  });

  it('with another UUID is another machine, although the network card moved along', async () => {
    await using server = await TestServer.start();
    await server.bootToken(uuidA, mac);
    await server.bootToken(uuidB, mac);
    await server.bootToken(uuidA, '52:54:00:00:00:99');
    expect(await server.machines()).toHaveLength(2);
  });

  it('without a believable UUID is recognised by its MAC address', async () => {
    await using server = await TestServer.start();
    for (let boot = 0; boot < 2; boot++) await server.bootToken('00000000-0000-0000-0000-000000000000', mac);
    await server.bootToken('00000000-0000-0000-0000-000000000000', '52:54:00:00:00:02');
    expect((await server.machines()).map((machine) => machine.name)).toEqual([
      '52-54-00-00-00-01',
      '52-54-00-00-00-02',
    ]);
  });

  it('that nothing identifies is not written down', async () => {
    await using server = await TestServer.start();
    const answer = await server.plain('/boot/script?uuid=x&mac=y');
    expect(answer.body.toString()).toContain('neither a usable UUID nor a MAC address');
    expect(await server.machines()).toEqual([]);
  });
});
