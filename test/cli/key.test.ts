import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { makeRawDisk, noise } from '../fixtures/disks.ts';
import { withTempDirectory } from '../fixtures/temp-directory.ts';

const mib = 2 ** 20;
const cli = path.join(import.meta.dirname, '../../cli/deploy-os');

function run(args: readonly string[], env: { [name: string]: string } = {}) {
  const { status, stdout, stderr } = spawnSync(cli, args, { encoding: 'utf8', env: { ...process.env, ...env } });
  return { status, stderr, stdout, json: () => JSON.parse(stdout) };
}

test('an image captured with a key is read with that key or a passphrase added to it, and with nothing else', {
  timeout: 180_000,
}, async () => {
  await withTempDirectory(async (directory) => {
    const at = (name: string) => path.join(directory, name);
    const disk = await makeRawDisk(at('disk'), 3 * mib, [{ offsetBytes: 0, bytes: noise(mib, 'x') }]);
    const store = ['--store', at('store'), '--json'];
    await fs.writeFile(at('passphrase'), 'four words at random\n');

    const created = run(['key', 'create', at('key'), '--json']);
    expect(created.stderr).toMatch(/cannot be read without it, by anyone, ever/);
    expect((await fs.stat(at('key'))).mode & 0o777).toBe(0o600);
    const added = run(['key', 'add', ...store, '--new-key-file', at('key'), '--label', 'safe']);
    expect(added.json()).toMatchObject({ label: 'safe', openedBy: { kind: 'file', fileId: created.json().id } });
    expect(run(['image', 'capture', disk, 'one', ...store, '--key-file', at('key')]).status).toBe(0);
    expect(run(['image', 'list', ...store]).json()).toMatchObject([{ name: 'one', keyId: added.json().dataKeyId }]);

    const shut = run(['image', 'show', 'one', ...store]);
    expect([shut.status, shut.json().error.code]).toEqual([10, 'key-needed']);
    const wrong = run(['image', 'show', 'one', ...store], { DEPLOY_OS_PASSPHRASE: 'four words guessed' });
    expect(wrong.json().error.code).toBe('key-wrong');

    const extra = ['--new-passphrase-file', at('passphrase'), '--key-file', at('key')];
    const second = run(['key', 'add', ...store, ...extra]).json();
    const target = at('target');
    const withPassphrase = ['--passphrase-file', at('passphrase')];
    expect(run(['image', 'restore', 'one', target, ...store, ...withPassphrase]).status).toBe(0);
    expect(Buffer.compare(await fs.readFile(target), await fs.readFile(disk))).toBe(0);

    expect(run(['key', 'remove', added.json().id, ...store]).status).toBe(0);
    const last = run(['key', 'remove', second.id, ...store]);
    expect([last.status, last.json().error.code]).toEqual([4, 'key-last']);
  });
});

test('a passphrase is asked for at a terminal, twice for a new one, and not shown', { timeout: 120_000 }, async () => {
  await withTempDirectory(async (directory) => {
    const terminal = spawn('script', ['-qec', `${cli} key add --store ${path.join(directory, 'store')}`, '/dev/null']);
    let shown = '';
    let answered = 0;
    terminal.stdout.setEncoding('utf8').on('data', (text: string) => {
      shown += text;
      const asked = shown.match(/(New passphrase|The same again): /g)?.length ?? 0;
      if (asked > answered) terminal.stdin.write('four words at random\r');
      answered = asked;
    });
    const [status] = await once(terminal, 'exit');
    expect(shown).toMatch(/New passphrase: [\s\S]*The same again: [\s\S]*data key[\s\S]*passphrase/);
    expect(shown).not.toContain('random');
    expect([status, answered]).toEqual([0, 2]);
  });
});
