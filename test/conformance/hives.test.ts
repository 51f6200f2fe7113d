import { spawnSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { Hive } from '../../imaging/preflight/hive.ts';
import { readWindows } from '../../imaging/preflight/windows.ts';
import { readerOf } from '../fixtures/buffer-reader.ts';
import { type HiveTree, makeHive } from '../fixtures/hive.ts';
import { withTempDirectory } from '../fixtures/temp-directory.ts';

/** Lines of hivexsh that make these keys and values below `place`. */
function describeKeys({ values = {}, keys = {} }: HiveTree, place = ''): string[] {
  const here = `cd ${place === '' ? '\\ ' : place}`;
  const toText = (value: number | string | Buffer) => {
    if (Buffer.isBuffer(value))
      return `hex:3:${[...value].map((byte) => byte.toString(16).padStart(2, '0')).join(',')}`;
    return typeof value === 'number' ? `dword:${value}` : `string:${value}`;
  };
  const lines = Object.entries(values).flatMap(([name, value]) => [name === '' ? '@' : name, toText(value)]);
  return [
    ...(lines.length === 0 ? [] : [here, `setval ${lines.length / 2}`, ...lines]),
    ...Object.entries(keys).flatMap(([name, tree]) => [
      here,
      `add ${name}`,
      ...describeKeys(tree, `${place}\\${name}`),
    ]),
  ];
}

/** hivex makes no hive from nothing: it fills an empty one of ours. */
async function makeByHivex(directory: string, tree: HiveTree): Promise<Hive> {
  const [base, made] = [path.join(directory, 'base'), path.join(directory, 'made')];
  await writeFile(base, makeHive({}));
  const input = [...describeKeys(tree), `commit ${made}`, ''].join('\n');
  const { status, stderr } = spawnSync('hivexsh', ['-w', base], { input, encoding: 'utf8' });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return await Hive.open(readerOf(await readFile(made)));
}

test('a hive that hivex has written tells of a Windows what it holds', async () => {
  await withTempDirectory(async (directory) => {
    const idle = { values: { Start: 3, Type: 1, Group: 'SCSI miniport' } };
    const services = Object.fromEntries(Array.from({ length: 600 }, (_, i) => [`idle${i}`, idle]));
    const set: HiveTree = {
      keys: {
        Control: {
          keys: {
            ComputerName: { keys: { ComputerName: { values: { ComputerName: 'SRV02' } } } },
            ProductOptions: { values: { ProductType: 'LanmanNT' } },
          },
        },
        Services: {
          keys: {
            ...services,
            megasas2i: { values: { Start: 0, Type: 1, Group: 'SCSI miniport' } },
            storahci: { values: { Start: 0, Type: 1 } },
            stornvme: { values: { Start: 0, Type: 1 }, keys: { StartOverride: { values: { '0': 3 } } } },
            Netlogon: { values: { Start: 2 } },
            Tcpip: { keys: { Parameters: { values: { Hostname: 'SRV02', Domain: 'corp.example' } } } },
          },
        },
      },
    };
    const hive = await makeByHivex(directory, { keys: { Select: { values: { Current: 3 } }, ControlSet003: set } });
    expect(await readWindows(hive, { software: null, security: null })).toMatchObject({
      ...{ kind: 'windows', hostName: 'SRV02', domain: 'corp.example', domainController: true, inDomain: true },
      bootDrivers: ['megasas2i', 'storahci'],
    });
  });
});

test('long lists of keys and values of every kind that hivex writes are read', async () => {
  await withTempDirectory(async (directory) => {
    const names = Array.from({ length: 900 }, (_, i) => `key ${i}`);
    const values = {
      '': 'the default',
      number: 0xfffffffe,
      short: Buffer.from([1, 2, 3]),
      long: Buffer.alloc(300, 90),
    };
    const keys = { ...Object.fromEntries(names.map((name) => [name, {}])), 'key 77': { values } };
    const hive = await makeByHivex(directory, { keys: { many: { keys } } });
    const found: string[] = [];
    const many = await hive.find('many');
    if (many !== null) for await (const { name } of hive.subkeys(many)) found.push(name);
    expect(found.toSorted()).toEqual(names.toSorted());
    const key = await hive.find('MANY', 'KEY 77');
    expect(await hive.findText(key, '')).toBe(values['']);
    expect(await hive.findNumber(key, 'NUMBER')).toBe(values.number);
    expect(await hive.findBytes(key, 'short')).toEqual(values.short);
    expect(await hive.findBytes(key, 'long')).toEqual(values.long);
  });
});
