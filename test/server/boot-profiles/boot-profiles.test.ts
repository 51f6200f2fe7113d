// Boot profiles over the API, and what machines are told by them (R19, R31).
import { chmod, mkdir, readlink, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import Fastify from 'fastify';
import { describe, expect, it } from 'vitest';
import type { BootProfile } from '../../../protocol/boot-profile.ts';
import { writeMachineScript } from '../../../server/boot/machine-script.ts';
import { readServerConfig } from '../../../server/config.ts';
import type { Context } from '../../../server/context.ts';
import { openDatabase } from '../../../server/database/open.ts';
import { withTempDirectory } from '../../fixtures/temp-directory.ts';
import { ScriptedAgent } from '../scripted-agent.ts';
import { errorCode, TestServer, uuidA } from '../support.ts';

const kernel = Buffer.alloc(2048);
kernel.write('HdrS', 0x202);
const cpio = Buffer.from('070701 and so on');

/** A build and an overlay, as their first bytes go. */
async function writeFiles(dataDir: string): Promise<void> {
  await mkdir(path.join(dataDir, 'other'), { recursive: true });
  await writeFile(path.join(dataDir, 'other/vmlinuz'), kernel);
  await writeFile(path.join(dataDir, 'other/initramfs.img'), cpio);
  await writeFile(path.join(dataDir, 'extra.cpio'), cpio);
}

const script = async (server: TestServer, more = '') =>
  (await server.plain(`/boot/script?uuid=${uuidA}&mac=52-54-00-00-00-01&platform=pcbios${more}`)).body.toString();

const post = (server: TestServer, body: unknown) =>
  server.tls('/v1/boot-profiles', {
    method: 'POST',
    headers: { ...server.operator, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

describe('a boot profile', () => {
  it('gives a machine that fits its rule another kernel, more archives and more arguments, all of them served', async () => {
    await using server = await TestServer.start({ kernelArgs: 'quiet' });
    await writeFiles(server.dataDir);
    const { id } = await server.api<BootProfile>('POST', '/v1/boot-profiles', {
      ...{ name: '古いサーバー', arguments: 'mark=1 ', build: 'other', overlay: 'extra.cpio' },
      rules: [{ product: 'Power*' }],
    });
    expect(await script(server)).toContain('/boot/vmlinuz initrd=initramfs.img deploy.server');
    const lines = (await script(server, '&manufacturer=Dell%20Inc.&product=PowerEdge%20R740')).split('\n');
    const base = `http://127.0.0.1:${server.running.port}/boot/profiles/${id}`;
    expect(lines[1]).toMatch(
      new RegExp(
        `^kernel ${base}/vmlinuz initrd=initramfs.img initrd=overlay.cpio deploy.* quiet mark=1 \\|\\| goto failed$`,
      ),
    );
    expect(lines.slice(2, 4)).toEqual([
      `initrd ${base}/initramfs.img || goto failed`,
      `initrd ${base}/overlay.cpio || goto failed`,
    ]);
    for (const [name, content] of [
      ['vmlinuz', kernel],
      ['initramfs.img', cpio],
      ['overlay.cpio', cpio],
    ] as const) {
      expect((await server.plain(`/boot/profiles/${id}/${name}`)).body.equals(content)).toBe(true);
    }
    for (const target of [`${id}/ca.key`, `${id}/..`, 'nobody/vmlinuz', `${id}/%2e%2e`]) {
      expect((await server.plain(`/boot/profiles/${target}`)).status).toBe(404);
    }
  });

  it('that a person has set for a machine goes before the rules, and what the agent said counts where the loader says nothing', async () => {
    await using server = await TestServer.start();
    const add = (name: string, rules: object[], order?: number) =>
      server.api('POST', '/v1/boot-profiles', { name, arguments: `of=${name}`, rules, order });
    await add('late', [{ subnet: '127.0.0.0/8' }]);
    await add('qemu', [{ manufacturer: 'qemu' }], 1);
    await add('set', []);
    expect(await script(server)).toContain(' of=late ');
    const token = await server.bootToken(uuidA);
    const agent = await ScriptedAgent.join({ port: server.running.port, token, uuid: uuidA });
    await agent.next('welcome');
    expect(await script(server)).toContain(' of=qemu ');
    await server.api('PATCH', '/v1/machines/52-54-00-00-00-01', { bootProfile: 'set' });
    expect(await script(server)).toContain(' of=set ');
    const [machine] = await server.machines();
    expect(machine?.bootProfileId).toMatch(/^\w{16}$/);
    await server.api('DELETE', '/v1/boot-profiles/set');
    expect(await script(server)).toContain(' of=qemu ');
    expect(await server.machines()).toMatchObject([{ bootProfileId: null }]);
  });

  it('whose files have gone is named on the screen, and the default boots', async () => {
    await using server = await TestServer.start();
    await writeFiles(server.dataDir);
    const made = { name: 'NIC $(x)', arguments: 'mark=1', overlay: 'extra.cpio', rules: [{ mac: '52' }] };
    const { id } = await server.api<BootProfile>('POST', '/v1/boot-profiles', made);
    await rm(path.join(server.dataDir, 'extra.cpio'));
    const text = await script(server);
    expect(text).toMatch(
      /^#!ipxe\necho Boot profile NIC \?\(x\) cannot be used, booting the default: .*extra\.cpio.*\nsleep 10\nkernel/,
    );
    expect(text).toContain('/boot/vmlinuz initrd=initramfs.img deploy.');
    expect(text).not.toContain('mark=1');
    expect((await server.plain(`/boot/profiles/${id}/overlay.cpio`)).status).toBe(404);
  });

  it('is refused when a file is missing, is something else, or is not for everyone', async () => {
    await using server = await TestServer.start();
    await writeFiles(server.dataDir);
    const refused = async (body: object) => {
      const answer = await post(server, { name: 'x', ...body });
      expect(errorCode(answer)).toBe('invalid-input');
      return answer.body.toString();
    };
    expect(await refused({ overlay: 'none.cpio' })).toContain('none.cpio');
    expect(await refused({ build: 'extra.cpio' })).toContain('extra.cpio/vmlinuz');
    expect(await refused({ overlay: 'other/vmlinuz' })).toContain('cpio archive');
    expect(await refused({ overlay: 'other' })).toContain('no file');
    await chmod(path.join(server.dataDir, 'extra.cpio'), 0o640);
    expect(await refused({ overlay: 'extra.cpio' })).toContain('not everyone may read it');
    // Tokens and keys are the owner's.
    expect(await refused({ overlay: 'operator-token' })).toContain('not everyone may read it');
    await writeFile(path.join(server.dataDir, 'other/vmlinuz'), 'x'.repeat(2048));
    expect(await refused({ build: 'other' })).toContain('Linux kernel');
    expect(await refused({ arguments: "it's" })).toContain('one plain line');
    expect(await server.api('GET', '/v1/boot-profiles')).toEqual([]);
  });

  it('is listed in order, changed in part, and has a name of its own', async () => {
    await using server = await TestServer.start();
    await writeFiles(server.dataDir);
    await server.api('POST', '/v1/boot-profiles', { name: 'b', overlay: 'extra.cpio' });
    await server.api('POST', '/v1/boot-profiles', { name: 'a', order: 200 });
    expect(errorCode(await post(server, { name: 'a' }))).toBe('boot-profile-exists');
    await expect(server.api('PATCH', '/v1/boot-profiles/a', { name: 'b' })).rejects.toThrow('boot-profile-exists');
    await expect(server.api('PATCH', '/v1/boot-profiles/a', { build: 'nowhere' })).rejects.toThrow('nowhere/vmlinuz');
    await expect(server.api('PATCH', '/v1/boot-profiles/c', {})).rejects.toThrow('boot-profile-not-found');
    await expect(server.api('PATCH', '/v1/machines/x', { bootProfile: 'c' })).rejects.toThrow('machine-not-found');
    await server.api('PATCH', '/v1/boot-profiles/a', { order: 1, rules: [{ mac: '52' }] });
    await server.api('PATCH', '/v1/boot-profiles/b', { overlay: null });
    expect(await server.api('GET', '/v1/boot-profiles')).toMatchObject([
      { name: 'a', order: 1, rules: [{ mac: '52' }], overlay: null, arguments: '' },
      { name: 'b', order: 100, overlay: null },
    ]);
    expect(await server.api('GET', '/v1/boot-profiles/b')).toMatchObject({ name: 'b' });
  });
});

describe("GRUB's script", () => {
  it('names the files of the profile by TFTP, where links lead to them', async () => {
    await withTempDirectory(async (dataDir) => {
      await writeFiles(dataDir);
      const config = readServerConfig({ data: dataDir });
      const db = await openDatabase(config.database);
      const context = { config, db, log: Fastify().log, authority: { fingerprint: 'sha256:00' } } as unknown as Context;
      const ask = (address: string) => {
        const query = new URLSearchParams({ uuid: uuidA, mac: '52:54:00:00:00:01', platform: 'efi' });
        return writeMachineScript(context, { loader: 'grub', server: '10.0.0.1:7433', address, query });
      };
      const row = { id: 'p1', name: 'p', arguments: 'mark=1', build: null, overlay: 'extra.cpio', order: 1 };
      const rules = JSON.stringify([{ subnet: '10.0.0.0/24' }]);
      await db
        .insertInto('bootProfiles')
        .values({ ...row, rules, createdAt: 'x' })
        .execute();
      for (let i = 0; i < 2; i++) {
        expect(await ask('10.0.0.9')).toMatch(
          /^set deploy_overlay='profiles\/p1\/overlay.cpio'\nset deploy_options='deploy.* mark=1'\n$/,
        );
      }
      const link = path.join(config.bootDir, 'tftp/profiles/p1/overlay.cpio');
      expect(await readlink(link)).toBe(path.join(dataDir, 'extra.cpio'));
      expect(await ask('10.0.1.9')).toMatch(/^set deploy_options=/);
      await rm(path.join(dataDir, 'extra.cpio'));
      expect(await ask('10.0.0.9')).toMatch(/^echo 'Boot profile p cannot be used, .*'\nsleep 10\nset deploy_options=/);
      await db.destroy();
    });
  });
});
