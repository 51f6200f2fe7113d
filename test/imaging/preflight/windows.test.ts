import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Hive } from '../../../imaging/preflight/hive.ts';
import { readWindows } from '../../../imaging/preflight/windows.ts';
import { DeployError } from '../../../protocol/errors.ts';
import { readerOf } from '../../fixtures/buffer-reader.ts';
import { changedFrom } from '../../fixtures/changed-from.ts';
import { makeHive } from '../../fixtures/hive.ts';
import { bootDriver, makeWindowsHives, type WindowsTraits } from '../../fixtures/windows-hives.ts';

const openHive = (bytes: Buffer) => Hive.open(readerOf(bytes));

async function read(traits: WindowsTraits, without: readonly string[] = []) {
  const { SYSTEM, SOFTWARE, SECURITY } = makeWindowsHives(traits);
  return await readWindows(await openHive(SYSTEM), {
    software: without.includes('SOFTWARE') ? null : await openHive(SOFTWARE),
    security: without.includes('SECURITY') ? null : await openHive(SECURITY),
  });
}

test('a hive gives keys of every kind of list, and values, whatever their case', async () => {
  const many = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`key ${i}`, { values: { n: i } }]));
  const hive = await openHive(
    makeHive({ keys: { Two: { keys: { a: {}, b: { values: { '': 'default' } } } }, many: { keys: many } } }),
  );
  const names: string[] = [];
  const key = await hive.find('MANY');
  if (key !== null) for await (const { name } of hive.subkeys(key)) names.push(name);
  expect(names.toSorted()).toEqual(Object.keys(many).toSorted());
  expect(await hive.findNumber(await hive.find('many', 'KEY 39'), 'N')).toBe(39);
  expect(await hive.findText(await hive.find('two', 'B'), '')).toBe('default');
  expect(await hive.find('two', 'c')).toBeNull();
  expect(await hive.findText(await hive.find('two', 'b'), 'none')).toBeNull();
});

test('a member server has its name, version, domain and the drivers that it can boot from', async () => {
  const services = {
    storahci: { values: { Start: 0, Type: 1 } },
    stornvme: { values: { Start: 0, Type: 1 }, keys: { StartOverride: { values: { '0': 3 } } } },
    megasas2i: bootDriver,
    LSI_SAS: { values: { Start: 3, Type: 1, Group: 'SCSI miniport' } },
  };
  expect(await read({ domain: 'corp.example', services })).toEqual({
    kind: 'windows',
    name: 'Windows Server 2019 Standard',
    version: '10.0.17763',
    hostName: 'SRV01',
    inDomain: true,
    domain: 'corp.example',
    domainController: false,
    bootDrivers: ['megasas2i', 'storahci'],
    teams: [],
    fixedNames: [],
  });
});

test('a domain controller is one by its product type, and by its directory database', async () => {
  expect(await read({ productType: 'LanmanNT', domain: 'corp.example' })).toMatchObject({ domainController: true });
  const database = { keys: { Parameters: { values: { 'DSA Database file': 'C:\\Windows\\NTDS\\ntds.dit' } } } };
  expect(await read({ services: { NTDS: database } })).toMatchObject({ domainController: true, inDomain: true });
  // The key alone is in every server.
  expect(await read({ services: { NTDS: { keys: { Performance: {} } } } })).toMatchObject({ domainController: false });
});

test('a workgroup is no domain, also with a suffix for its names', async () => {
  expect(await read({})).toMatchObject({ inDomain: false, domain: null });
  const { SYSTEM } = makeWindowsHives({ domain: 'suffix.example' });
  const { SECURITY } = makeWindowsHives({});
  const hives = { software: null, security: await openHive(SECURITY) };
  expect(await readWindows(await openHive(SYSTEM), hives)).toMatchObject({ inDomain: false, domain: null, name: null });
});

test('without the hive SECURITY the service that keeps the trust tells', async () => {
  expect(await read({ domain: 'corp.example' }, ['SECURITY'])).toMatchObject({ inDomain: true });
  expect(await read({}, ['SECURITY'])).toMatchObject({ inDomain: false });
});

test('teams of network cards are found, plain cards are none', async () => {
  const team = {
    ComponentId: 'COMPOSITEBUS\\MS_IMPLAT_MP',
    DriverDesc: 'Microsoft Network Adapter Multiplexor Driver',
  };
  const cards = [{ ComponentId: 'pci\\ven_8086&dev_1521', DriverDesc: 'Intel(R) I350' }, team];
  expect(await read({ cards })).toMatchObject({ teams: [team.DriverDesc] });
});

test('Windows 11 is called so', async () => {
  const eleven = { productName: 'Windows 10 Pro', build: '22631' };
  expect(await read(eleven)).toMatchObject({ name: 'Windows 11 Pro', version: '10.0.22631' });
});

describe('hostile hives', () => {
  test('changed bytes end in facts or in an error of ours', async () => {
    const { SYSTEM, SECURITY } = makeWindowsHives({ domain: 'corp.example', services: { storahci: bootDriver } });
    await fc.assert(
      fc.asyncProperty(changedFrom(SYSTEM), async (changed) => {
        try {
          const facts = await readWindows(await openHive(changed), {
            software: null,
            security: await openHive(SECURITY),
          });
          expect(facts.kind).toBe('windows');
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(DeployError);
          expect((thrown as DeployError).code).toBe('file-system-corrupt');
        }
      }),
      { numRuns: 1000 },
    );
  });

  test('a list that lists itself ends', async () => {
    const hive = makeHive({ keys: Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`k${i}`, {}])) });
    const at = hive.indexOf('ri', 4096, 'latin1');
    // Cells are numbered from behind the base block, and start with their size.
    hive.writeUInt32LE(at - 4 - 4096, at + 4);
    await expect((await openHive(hive)).find('k9')).rejects.toMatchObject({ code: 'file-system-corrupt' });
  });
});
