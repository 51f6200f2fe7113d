import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { TestServer, uuidA, uuidB } from '../server/support.ts';

const run = promisify(execFile);
const main = path.join(import.meta.dirname, '../../cli/main.ts');

describe('the command line', () => {
  it('tags machines, finds them, and makes, changes and removes a group of them', async () => {
    await using server = await TestServer.start();
    await server.bootToken(uuidA, '52:54:00:00:00:01');
    await server.bootToken(uuidB, '52:54:00:00:00:02');
    const ask = async (...args: string[]) =>
      (await run(process.execPath, [main, ...args, '--data', server.dataDir])).stdout;
    await ask('machine', 'tag', '52-54-00-00-00-01', 'Büro', 'alt');
    await ask('machine', 'tag', '52-54-00-00-00-01', 'ALT', '--remove');
    expect(await ask('machine', 'list', '--search', 'büro 00:01', '--no-online', '--state', 'pending')).toMatch(
      /\n\w+ +52-54-00-00-00-01 .* Büro\n$/,
    );
    expect(await ask('group', 'add', '研究室', '52-54-00-00-00-02', '--rule', 'tag=b*')).toMatch(
      /^added: 研究室 \(\w+\), 2 machines\n/,
    );
    await ask('group', 'members', '研究室', '52-54-00-00-00-02', '--remove');
    await ask('group', 'set', '研究室', '--name', 'Lab');
    expect(await ask('group', 'list')).toMatch(/\nLab +\w+ +1 +tag=b\*\n$/);
    expect(await ask('group', 'show', 'Lab')).toMatch(/: 1 machine\nrules: tag=b\*\n$/);
    expect(await ask('machine', 'show', '52-54-00-00-00-01')).toMatch(/tags: Büro\ngroups: Lab\n/);
    expect(JSON.parse(await ask('machine', 'list', '--group', 'lab', '--json'))).toHaveLength(1);
    expect(await ask('group', 'remove', 'Lab')).toBe('removed: Lab\n');
    await expect(ask('group', 'add', 'x', '--rule', 'model=x')).rejects.toMatchObject({ code: 2 });
  }, 60_000);

  it('shows by what a machine is known, merges two records and forgets an identity', async () => {
    await using server = await TestServer.start();
    await server.bootToken(uuidA, '52:54:00:00:00:01');
    await server.bootToken(uuidB, '52:54:00:00:00:01');
    const ask = async (...args: string[]) =>
      (await run(process.execPath, [main, ...args, '--data', server.dataDir])).stdout;
    const name = '52-54-00-00-00-01';
    const other = (await server.machines()).find((machine) => machine.name !== name)?.name ?? '';
    const shown = await ask('machine', 'show', name);
    expect(shown).toContain(`known by: uuid:${uuidA}\nconflict: ${other} (`);
    expect(shown).toContain('has mac 52:54:00:00:00:01, too\n');
    expect(await ask('machine', 'merge', name, other)).toMatch(/^merged: /);
    expect(await ask('machine', 'forget-identity', name, `uuid:${uuidB}`)).toBe(
      `forgotten: uuid:${uuidB} of ${name}\n`,
    );
    expect(await ask('machine', 'show', name)).toMatch(new RegExp(`known by: uuid:${uuidA}\n$`));
  }, 60_000);
});
