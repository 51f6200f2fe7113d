import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { TestServer } from '../server/support.ts';

const run = promisify(execFile);
const main = path.join(import.meta.dirname, '../../cli/main.ts');

describe('the command line', () => {
  it('makes, changes, lists and removes an approval rule', async () => {
    await using server = await TestServer.start();
    const ask = async (...args: string[]) =>
      (await run(process.execPath, [main, ...args, '--data', server.dataDir])).stdout;
    const gives = ['--give-tag', 'new', '--give-tag', 'Dell'];
    expect(
      await ask('approval-rule', 'add', 'Büro', '--rule', 'manufacturer=Dell*,subnet=10.0.0.0/8', ...gives),
    ).toMatch(/^added: Büro \(\w+\); machines that it has approved: 0\n$/);
    await ask('approval-rule', 'set', 'büro', '--order', '7', '--name', 'Lab', '--rule', 'mac=52:54');
    expect(await ask('approval-rule', 'list')).toMatch(/\n7 +Lab +\w+ +mac=52:54 +tag new, tag Dell +0\n$/);
    expect(await ask('approval-rule', 'remove', 'lab')).toBe('removed: lab\n');
    await expect(ask('approval-rule', 'add', 'x')).rejects.toMatchObject({ code: 2 });
  }, 60_000);
});
