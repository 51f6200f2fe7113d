import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Machine } from '../../protocol/rest.ts';
import { ScriptedAgent } from './scripted-agent.ts';
import { TestServer, uuidA } from './support.ts';

const imageServerFile = new URL('../../initramfs/boot/http-boot-server.cfg', import.meta.url);

const script = async (server: TestServer, platform = 'pcbios') =>
  (await server.plain(`/boot/script?uuid=${uuidA}&mac=52-54-00-00-00-01&platform=${platform}`)).body.toString();

describe('a boot script', () => {
  it('first asks every machine who it is, at the address that it reached', async () => {
    await using server = await TestServer.start();
    const text = (await server.plain('/boot/ipxe')).body.toString();
    expect(text).toContain(
      `http://127.0.0.1:${server.running.port}/boot/script?uuid=\${uuid}&mac=\${mac}&serial=\${serial:uristring}`,
    );
    await server.restart({ advertise: 'deploy.example:8000' });
    expect((await server.plain('/boot/ipxe')).body.toString()).toContain('http://deploy.example:8000/boot/script?');
  });

  it('boots the Deploy-OS on an unknown machine, with all that its agent needs', async () => {
    await using server = await TestServer.start({ kernelArgs: 'deploy.progress=2 quiet' });
    const text = await script(server);
    const { port, caFingerprint } = server.running;
    for (const part of [
      `kernel http://127.0.0.1:${port}/boot/vmlinuz initrd=initramfs.img `,
      `deploy.server=https://127.0.0.1:${port} deploy.ca=${caFingerprint} deploy.token=dbt_`,
      ' deploy.ip=dhcp BOOTIF=01-52-54-00-00-00-01 ',
      ' console=tty0 deploy.progress=2 quiet || goto failed\n',
      `initrd http://127.0.0.1:${port}/boot/initramfs.img`,
    ]) {
      expect(text).toContain(part);
    }
  });

  it('sends a machine on to its own disk once it is approved, has registered and has no job', async () => {
    await using server = await TestServer.start({ approve: 'all' });
    const token = await server.bootToken(uuidA);
    const agent = await ScriptedAgent.join({ port: server.running.port, token, uuid: uuidA });
    await agent.next('welcome');
    expect(await script(server)).toContain('sanboot --no-describe --drive 0x80 || exit\n');
    expect(await script(server, 'efi')).toMatch(/\nexit\n$/);
    await server.api('POST', '/v1/scenarios', { name: 'look', steps: [{ kind: 'check' }] });
    const [machine] = await server.api<Machine[]>('GET', '/v1/machines');
    await server.api('POST', '/v1/jobs', { scenario: 'look', machine: machine?.id });
    expect(await script(server)).toContain('deploy.token=');
  });

  it('loads what was built for the processor that iPXE was built for', async () => {
    await using server = await TestServer.start();
    const ask = `/boot/script?uuid=${uuidA}&mac=52-54-00-00-00-01&platform=efi&buildarch=arm64`;
    const text = (await server.plain(ask)).body.toString();
    expect(text).toContain(`/boot/arm64/vmlinuz initrd=initramfs.img `);
    expect(text).toContain('/boot/arm64/initramfs.img || goto failed');
    expect(text).toContain(' console=ttyAMA0,115200');
    expect(await script(server, 'efi')).not.toContain('arm64');
    expect(await script(server, 'efi')).not.toContain('ttyAMA0');
  });

  it('gives each boot a token of its own', async () => {
    await using server = await TestServer.start();
    expect(await server.bootToken(uuidA)).not.toBe(await server.bootToken(uuidA));
  });

  it('cannot be written by the machine that asks for it', async () => {
    await using server = await TestServer.start();
    const evil = encodeURIComponent('52:54:00:00:00:01\nchain http://evil/');
    const answer = await server.plain(`/boot/script?uuid=${uuidA}%0Achain&mac=${evil}&platform=efi%0Aevil`);
    expect(answer.body.toString()).not.toContain('evil');
  });
});

describe('the image of UEFI HTTP boot', () => {
  it('goes away with the address that the machine has reached, as long as before', async () => {
    await using server = await TestServer.start();
    expect((await server.plain('/boot/http-boot.img')).body.toString()).toContain('deploy-os build');
    const image = Buffer.concat([Buffer.alloc(9000), await readFile(imageServerFile), Buffer.alloc(9000, 'end')]);
    await mkdir(path.join(server.dataDir, 'boot'), { recursive: true });
    await writeFile(path.join(server.dataDir, 'boot/http-boot.img'), image);
    const { headers, body } = await server.plain('/boot/http-boot.img');
    expect(headers['content-type']).toBe('application/vnd.efi-img');
    expect(body.length).toBe(image.length);
    expect(body.subarray(9000, -9000).toString()).toMatch(/^set deploy_server=127\.0\.0\.1 {55}\n$/);
    await server.restart({ advertise: 'deploy.example:8000' });
    expect((await server.plain('/boot/http-boot.img')).body.toString()).toContain('set deploy_server=deploy.example ');
  });
});

describe('a boot file', () => {
  it('for arm64 is served beside those for PCs, and missed by name', async () => {
    await using server = await TestServer.start();
    expect((await server.plain('/boot/arm64/vmlinuz')).body.toString()).toContain('deploy-os build');
    await mkdir(path.join(server.dataDir, 'boot/arm64'), { recursive: true });
    await writeFile(path.join(server.dataDir, 'boot/arm64/vmlinuz'), 'Image');
    await writeFile(path.join(server.dataDir, 'boot/arm64/http-boot.img'), 'FAT');
    expect((await server.plain('/boot/arm64/vmlinuz')).body.toString()).toBe('Image');
    expect((await server.plain('/boot/arm64/http-boot.img')).body.toString()).toBe('FAT');
    expect((await server.plain('/boot/http-boot.img')).body.toString()).toContain('deploy-os build');
  });

  it('is served with its length, and missed by name', async () => {
    await using server = await TestServer.start();
    expect((await server.plain('/boot/vmlinuz')).body.toString()).toContain('deploy-os build');
    const content = Buffer.alloc(3_000_000, 'kernel');
    await mkdir(path.join(server.dataDir, 'boot'), { recursive: true });
    await writeFile(path.join(server.dataDir, 'boot/vmlinuz'), content);
    const answer = await server.plain('/boot/vmlinuz');
    expect(answer.headers['content-length']).toBe('3000000');
    expect(answer.body.equals(content)).toBe(true);
  });
});
