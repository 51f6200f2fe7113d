import { createHash, X509Certificate } from 'node:crypto';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { connect as connectTcp, createServer, type Socket } from 'node:net';
import path from 'node:path';
import { connect as connectTls } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { readServerConfig } from '../../server/config.ts';
import { findEphemeralRange, findPortOwner } from '../../server/listener/port-owner.ts';
import { routes } from '../../server/routes.ts';
import { startServer } from '../../server/start-server.ts';
import { TestServer } from './support.ts';

function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connectTcp(port, '127.0.0.1', () => resolve(socket));
    socket.on('error', reject);
  });
}

function readAll(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    socket.on('data', (part: Buffer) => {
      text += part.toString('latin1');
    });
    socket.on('close', () => resolve(text));
  });
}

describe('the one port', () => {
  it('speaks TLS and plain HTTP, also when the first bytes come one by one', async () => {
    await using server = await TestServer.start();
    expect((await server.tls('/v1/health')).status).toBe(200);
    expect((await server.plain('/boot/ipxe')).body.toString()).toMatch(/^#!ipxe\n/);
    const slow = await open(server.running.port);
    for (const byte of 'GET /boot/ipxe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n') {
      slow.write(byte);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    expect(await readAll(slow)).toMatch(/^HTTP\/1\.1 200/);
  });

  it('gives plain HTTP nothing but public boot files', async () => {
    await using server = await TestServer.start();
    for (const { path: route } of routes) {
      expect([route, (await server.plain(route)).status]).toEqual([route, 404]);
    }
    for (const target of ['/boot/', '/boot/../operator-token', '/boot/%2e%2e/operator-token', '//v1/health']) {
      expect([target, (await server.plain(target)).status]).toEqual([target, 404]);
    }
    // A person who has left the s out is led to the console.
    const { status, headers } = await server.plain('/');
    expect([status, headers.location]).toEqual([302, `https://127.0.0.1:${server.running.port}/`]);
  });

  it('serves others while connections say nothing or nonsense, and ends them all when it stops', async () => {
    await using server = await TestServer.start();
    const silent = await Promise.all(Array.from({ length: 50 }, () => open(server.running.port)));
    const nonsense = await open(server.running.port);
    nonsense.write('\x16\x03\x01\xff\xffnot a client hello');
    const half = await open(server.running.port);
    half.write('GET /boot/ip');
    expect((await server.tls('/v1/health')).status).toBe(200);
    const ended = Promise.all([...silent, half].map((socket) => new Promise((resolve) => socket.on('close', resolve))));
    const startedMs = performance.now();
    await server.restart();
    await ended;
    expect(performance.now() - startedMs).toBeLessThan(10_000);
  });

  it('keeps a plain connection for several requests and answers HEAD with the length', async () => {
    await using server = await TestServer.start();
    await writeFile(path.join(server.dataDir, 'boot-file'), 'x');
    const socket = await open(server.running.port);
    socket.write(
      'HEAD /ca.pem HTTP/1.1\r\nHost: x\r\n\r\nGET /ca.pem HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
    );
    const text = await readAll(socket);
    const pem = await readFile(path.join(server.dataDir, 'tls/ca.pem'), 'utf8');
    expect(text.match(new RegExp(`content-length: ${pem.length}`, 'g'))).toHaveLength(2);
    expect(text.endsWith(pem)).toBe(true);
  });

  it('fills up the CA certificate as far as it is asked to, within bounds, and it stays one', async () => {
    await using server = await TestServer.start();
    const pem = (await server.plain('/ca.pem')).body;
    const lengthOf = async (fill: string) => (await server.plain(`/ca.pem?fill=${fill}`)).body.length - pem.length;
    expect(await lengthOf('12000')).toBe(12_000);
    expect(await lengthOf('999999')).toBe(16_384);
    for (const wrong of ['', '-1', '1e9', '9999999']) expect(await lengthOf(wrong)).toBe(0);
    expect(new X509Certificate((await server.plain('/ca.pem?fill=12000')).body).ca).toBe(true);
  });

  it('is refused by name when another process holds it', async () => {
    const holder = createServer();
    await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
    const { port } = holder.address() as { port: number };
    expect(await findPortOwner(port)).toContain(`process ${process.pid}`);
    await using server = await TestServer.start();
    const config = readServerConfig({ data: server.dataDir, listen: `127.0.0.1:${port}`, logLevel: 'silent' });
    await expect(startServer(config)).rejects.toMatchObject({
      code: 'port-in-use',
      message: expect.stringContaining(`process ${process.pid}`),
    });
    holder.close();
  });

  it('is known to lie in the ephemeral range or outside', async () => {
    const [first] = (await readFile('/proc/sys/net/ipv4/ip_local_port_range', 'utf8')).split(/\s+/);
    expect(await findEphemeralRange(Number(first))).toMatch(new RegExp(`^${first}-`));
    expect(await findEphemeralRange(7433)).toBeNull();
  });
});

describe('the certificate authority', () => {
  it('is made once, kept private, and signs a certificate that a strict client accepts', async () => {
    await using server = await TestServer.start();
    const { port, caFingerprint } = server.running;
    const ca = (await server.plain('/ca.pem')).body;
    expect(`sha256:${createHash('sha256').update(new X509Certificate(ca).raw).digest('hex')}`).toBe(caFingerprint);
    for (const host of ['localhost', '127.0.0.1']) {
      const socket = connectTls({ port, host, ca, ...(host === 'localhost' ? { servername: host } : {}) });
      await new Promise<void>((resolve, reject) => {
        socket.once('secureConnect', resolve);
        socket.once('error', reject);
      });
      expect(socket.authorized).toBe(true);
      socket.destroy();
    }
    const database = server.database.startsWith('sqlite:') ? ['deploy-os.sqlite'] : [];
    for (const file of ['tls/ca.key', 'tls/server.key', 'operator-token', ...database]) {
      expect([file, (await stat(path.join(server.dataDir, file))).mode & 0o777]).toEqual([file, 0o600]);
    }
    await server.restart();
    expect(server.running.caFingerprint).toBe(caFingerprint);
  });

  it('makes out a new certificate when the advertised address changes, and stays itself', async () => {
    await using server = await TestServer.start();
    const pem = () => readFile(path.join(server.dataDir, 'tls/server.pem'), 'utf8');
    const { caFingerprint, operatorToken } = server.running;
    const first = await pem();
    await server.restart();
    expect(await pem()).toBe(first);
    await server.restart({ advertise: '192.0.2.7:7433' });
    const second = new X509Certificate(await pem());
    expect(second.checkIP('192.0.2.7')).toBe('192.0.2.7');
    expect(server.running).toMatchObject({ caFingerprint, operatorToken });
  });
});
