import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import Fastify from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TftpScripts } from '../../server/boot/tftp-scripts.ts';
import { eventually, uuidA } from './support.ts';

const mac = '52:54:00:00:00:01';
const name = `${uuidA}_${mac}.cfg`;
const asked = (file: string) => `file /srv/boot/tftp/grub/machines/${file} not found for 10.0.0.9`;
const sent = (file: string) => `dnsmasq-tftp[123]: sent /srv/boot/tftp/grub/machines/${file} to 10.0.0.9`;

describe('boot scripts by TFTP', () => {
  let tftpDir: string;
  let scripts: TftpScripts;
  let queries: string[];
  const listed = () => readdir(path.join(tftpDir, 'grub/machines'));

  beforeEach(async () => {
    tftpDir = await mkdtemp(path.join(tmpdir(), 'deploy-os-tftp-'));
    queries = [];
    const machineScript = async (query: URLSearchParams) => {
      queries.push(query.toString());
      return `set deploy_options='of ${query.get('mac')}'\n`;
    };
    scripts = await TftpScripts.open({ tftpDir, log: Fastify().log, machineScript });
  });

  afterEach(async () => {
    scripts.close();
    await rm(tftpDir, { recursive: true });
  });

  it('are written when a machine has asked in vain, once however often it asks, and removed when it has its own', async () => {
    expect(scripts.onLine(asked(name))).toBe(true);
    expect(scripts.onLine(asked(name))).toBe(true);
    expect(await eventually(async () => (await listed()).includes(name) && (await listed()))).toEqual([name]);
    expect(await readFile(path.join(tftpDir, 'grub/machines', name), 'utf8')).toContain(`of ${mac}`);
    expect(queries).toEqual([`uuid=${uuidA}&mac=52%3A54%3A00%3A00%3A00%3A01&platform=efi`]);
    expect(scripts.onLine(sent(name))).toBe(true);
    await eventually(async () => (await listed()).length === 0);
  });

  it('are for machines without a UUID, too', async () => {
    scripts.onLine(asked(`_${mac}.cfg`));
    await eventually(async () => (await listed()).length === 1);
    expect(queries[0]).toMatch(/^uuid=&mac=52/);
  });

  it.each([
    asked(`../../${name}`),
    asked(`${uuidA}_${mac}.cfg/../x`),
    asked(`${uuidA}_..%2f..%2f..%2f..%2f.cfg`),
    asked('x'),
    `file /srv/boot/tftp/grub/grub.cfg not found for 10.0.0.9`,
    `${asked(name)} and more`,
    '',
  ])('are not written for anything else: %s', async (line) => {
    expect(scripts.onLine(line)).toBe(false);
    expect(queries).toEqual([]);
  });

  it('of an earlier server are gone', async () => {
    await writeFile(path.join(tftpDir, 'grub/machines', name), 'old');
    await TftpScripts.open({ tftpDir, log: Fastify().log, machineScript: async () => '' });
    expect(await listed()).toEqual([]);
  });
});
