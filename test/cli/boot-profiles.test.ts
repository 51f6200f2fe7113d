import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { TestServer, uuidA } from '../server/support.ts';

const run = promisify(execFile);
const main = path.join(import.meta.dirname, '../../cli/main.ts');

describe('the command line', () => {
  it('packs an overlay, makes a boot profile with it, sets it for a machine and removes it', async () => {
    await using server = await TestServer.start();
    const deployOs = async (...args: string[]) => (await run(process.execPath, [main, ...args])).stdout;
    const ask = (...args: string[]) => deployOs(...args, '--data', server.dataDir);
    const folder = path.join(server.dataDir, 'made');
    await mkdir(path.join(folder, 'lib/firmware'), { recursive: true });
    await writeFile(path.join(folder, 'lib/firmware/x.bin'), 'x');
    const overlay = path.join(server.dataDir, 'x.cpio');
    expect(await deployOs('build', '--overlay', folder, '--out', overlay)).toContain('1 firmware files');

    const rules = ['--rule', 'manufacturer=Dell*,product=R7?0', '--rule', 'mac=52:54'];
    expect(await ask('boot-profile', 'add', 'Büro', '--overlay', 'x.cpio', ...rules)).toMatch(/^added: Büro /);
    await ask('boot-profile', 'set', 'Büro', '--order', '5', '--arguments', 'mark=1');
    expect(await ask('boot-profile', 'list')).toMatch(
      /5 +Büro +\w+ +manufacturer=Dell\*,product=R7\?0 or mac=52:54 +x\.cpio +mark=1\n/,
    );
    await ask('boot-profile', 'set', 'Büro', '--overlay', '', '--rule', '');
    expect(JSON.parse(await ask('boot-profile', 'list', '--json'))).toMatchObject([
      { overlay: null, rules: [], order: 5 },
    ]);

    await server.bootToken(uuidA);
    expect(await ask('machine', 'set', '52-54-00-00-00-01', '--boot-profile', 'Büro')).toContain('set: 52-54');
    expect(await ask('machine', 'show', '52-54-00-00-00-01')).toMatch(/boot profile: Büro\n/);
    await ask('machine', 'set', '52-54-00-00-00-01', '--boot-profile', '');
    expect(await server.machines()).toMatchObject([{ bootProfileId: null }]);
    expect(await ask('boot-profile', 'remove', 'Büro')).toBe('removed: Büro\n');
    await expect(ask('boot-profile', 'add', 'x', '--rule', 'mac')).rejects.toMatchObject({ code: 2 });
    await expect(ask('boot-profile', 'add', 'x', '--rule', 'model=x')).rejects.toMatchObject({ code: 2 });
  });
});
