import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { TestServer } from '../server/support.ts';

const run = promisify(execFile);
const main = path.join(import.meta.dirname, '../../cli/main.ts');

describe('the command line', () => {
  it('imports machines from what spreadsheets write, and exports them without harm to one', async () => {
    await using server = await TestServer.start();
    await server.api('POST', '/v1/groups', { name: 'Lab; 3' });
    const ask = async (...args: string[]) =>
      (await run(process.execPath, [main, ...args, '--data', server.dataDir])).stdout;
    const file = path.join(server.dataDir, 'machines.csv');
    const text =
      'Name;MAC;Groups;Tags\r\n"=cmd()";52:54:00:00:00:01;"Lab\\; 3";"新; @x"\r\n\r\nzwei;"52:54:00:00:00:02; 52:54:00:00:00:03";;\r\n';
    await writeFile(file, `\ufeff${text}`);
    expect(await ask('machine', 'import', file, '--dry-run')).toBe('would be written down: 2, would be changed: 0\n');
    expect(await ask('machine', 'import', file)).toBe('written down: 2, changed: 0\n');
    const csv = await ask('machine', 'export', '--csv');
    expect(csv).toBe(
      "name,uuid,macs,serial,groups,tags,state\r\n'=cmd(),,52:54:00:00:00:01,,Lab\\; 3,'@x; 新,pending\r\nzwei,,52:54:00:00:00:02; 52:54:00:00:00:03,,,,pending\r\n",
    );
    await writeFile(file, csv);
    expect(await ask('machine', 'import', file)).toBe('written down: 0, changed: 2\n');
    expect(await ask('machine', 'export')).toBe(csv);
    await writeFile(file, await ask('machine', 'export', '--json'));
    expect(await ask('machine', 'import', file)).toBe('written down: 0, changed: 2\n');
    await writeFile(
      file,
      Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from('name\tstate\nzwei\tapproved\n', 'utf16le')]),
    );
    expect(await ask('machine', 'import', file)).toBe('written down: 0, changed: 1\n');
    for (const [content, said] of [
      ['name,mac\nx,52:54:00:00:00:09\ny,nonsense\n', "line 3: 'nonsense' is no MAC address"],
      ['name,colour\nx,red\n', "'colour' is no column"],
      ['name,mac\nx\n', 'Invalid Record Length'],
      [Buffer.from([0xc3, 0x28]), 'neither UTF-8'],
      ['[{"name"', 'no JSON list'],
    ] as const) {
      await writeFile(file, content);
      await expect(ask('machine', 'import', file)).rejects.toMatchObject({
        code: 2,
        stderr: expect.stringContaining(said),
      });
    }
    expect(await server.machines()).toHaveLength(2);
  }, 90_000);
});
