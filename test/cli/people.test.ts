// Users, logins and tokens by the command line, against a server in this process.
import { execFile } from 'node:child_process';
import { readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { TestServer } from '../server/support.ts';

const run = promisify(execFile);
const main = path.join(import.meta.dirname, '../../cli/main.ts');

describe('the command line', () => {
  it('makes a user, logs in as one, makes a token, and shows an administrator what was done', async () => {
    await using server = await TestServer.start();
    const config = path.join(server.dataDir, 'config');
    const { PATH, NODE_COMPILE_CACHE } = process.env;
    const env = { PATH, NODE_COMPILE_CACHE, HOME: server.dataDir, XDG_CONFIG_HOME: config };
    const deployOs = async (...args: string[]) => (await run(process.execPath, [main, ...args], { env })).stdout;
    const asOwner = (...args: string[]) => deployOs(...args, '--data', server.dataDir);
    const password = path.join(server.dataDir, 'password');
    await writeFile(password, 'correct horse battery\n');
    expect(await asOwner('user', 'add', 'Ann', '--role', 'operator', '--password-file', password)).toBe(
      'added: Ann (operator)\n',
    );
    expect(await asOwner('user', 'list')).toMatch(/Ann +operator +enabled +never/);

    const { url, caFingerprint } = server.running;
    const at = ['--server', url, '--ca', caFingerprint];
    expect(await deployOs('login', ...at, '--user', 'ann', '--password-file', password)).toContain('as Ann (operator)');
    const file = path.join(config, 'deploy-os/login.json');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await deployOs('whoami')).toBe('Ann (operator)\n');
    expect(JSON.parse(await deployOs('machine', 'list', '--json'))).toEqual([]);
    await expect(deployOs('user', 'list')).rejects.toMatchObject({ code: 10 });

    await server.api('POST', '/v1/groups', { name: 'Lab' });
    expect(await asOwner('grant', 'add', 'ann', 'lab', '--role', 'viewer')).toBe('granted: Ann is viewer of Lab\n');
    expect(await asOwner('grant', 'list')).toMatch(/\nAnn +Lab +viewer /);
    expect(await asOwner('grant', 'remove', 'ann', 'Lab')).toBe('removed: ann of Lab\n');

    const token = (await deployOs('token', 'create', 'nightly', '--role', 'viewer', '--valid-days', '30')).trim();
    expect(await deployOs('whoami', ...at, '--token', token)).toBe('Ann (viewer)\n');
    const [id] = /^\w{16}(?= +Ann +api +nightly +viewer)/m.exec(await deployOs('token', 'list')) ?? [];
    expect(await deployOs('token', 'revoke', id ?? '')).toBe(`revoked: ${id}\n`);
    await expect(deployOs('whoami', ...at, '--token', token)).rejects.toMatchObject({ code: 10 });

    expect(await asOwner('user', 'set', 'ann', '--disable')).toBe('changed: Ann (operator, disabled)\n');
    await expect(deployOs('whoami')).rejects.toMatchObject({ code: 10 });
    expect(await asOwner('user', 'set', 'ann', '--enable', '--role', 'viewer')).toBe('changed: Ann (viewer)\n');
    expect(await deployOs('whoami')).toBe('Ann (viewer)\n');
    await deployOs('logout');
    await expect(readFile(file)).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(deployOs('whoami')).rejects.toMatchObject({ code: 2 });
    expect(await asOwner('user', 'remove', 'ann')).toBe('removed: ann\n');

    const log = await asOwner('audit', '--limit', '4');
    expect(log.split('\n').map((line) => line.split(/ {2,}/).slice(1))).toEqual([
      ['WHO', 'FROM', 'ACTION', 'ABOUT', 'OUTCOME'],
      ['operator token', '127.0.0.1', 'DELETE /v1/users/:id', 'id=ann', 'ok'],
      ['Ann', '127.0.0.1', 'DELETE /v1/sessions/own', '', 'ok'].filter((word) => word !== ''),
      ['operator token', '127.0.0.1', 'PATCH /v1/users/:id', 'id=ann role=viewer disabled=false', 'ok'],
      ['operator token', '127.0.0.1', 'PATCH /v1/users/:id', 'id=ann disabled=true', 'ok'],
      [],
    ]);
    expect(JSON.parse(await asOwner('audit', '--json'))).toHaveLength(11);
  }, 90_000);
});
