import { describe, expect, it } from 'vitest';
import { readServerConfig } from '../../server/config.ts';
import { describeLocation } from '../../server/database/location.ts';

describe('the configuration', () => {
  it('puts everything into the one data directory unless told otherwise', () => {
    expect(readServerConfig({ data: '/srv/d' })).toMatchObject({
      listen: { address: '0.0.0.0', port: 7433 },
      bootDir: '/srv/d/boot',
      storeLocation: '/srv/d/store',
      database: { kind: 'sqlite', path: '/srv/d/deploy-os.sqlite' },
      approve: 'none',
      advertise: undefined,
      dhcp: undefined,
    });
  });

  it.each([
    ['10.0.0.1', { address: '10.0.0.1', port: 7433 }],
    ['10.0.0.1:80', { address: '10.0.0.1', port: 80 }],
    [':8443', { address: '0.0.0.0', port: 8443 }],
    ['[::]:8443', { address: '::', port: 8443 }],
  ])('listens on %s', (listen, expected) => {
    expect(readServerConfig({ data: '/d', listen }).listen).toEqual(expected);
  });

  it('gives the advertised address the port it listens on, or its own', () => {
    const options = { data: '/d', listen: ':8000' };
    expect(readServerConfig({ ...options, advertise: 'deploy' }).advertise).toEqual({ address: 'deploy', port: 8000 });
    expect(readServerConfig({ ...options, advertise: 'deploy:9' }).advertise).toEqual({ address: 'deploy', port: 9 });
  });

  it.each([
    [{ listen: 'x:y' }],
    [{ listen: '1.2.3.4:70000' }],
    [{ database: 'postgres://db' }],
    [{ database: 'mysql://db/deploy' }],
    [{ database: 'sqlite:' }],
    [{ store: 'https://other-server:7433' }],
    [{ approve: 'some' }],
    [{ logLevel: 'loud' }],
    [{ dhcpProxy: true }],
    [{ tftpOnly: true }],
    [{ dhcpInterface: 'eth0', tftpOnly: true, dhcpProxy: true }],
    [{ dhcpInterface: 'eth0' }],
    [{ dhcpInterface: 'eth0', dhcpProxy: true, dhcpRange: '10.0.0.1,10.0.0.9' }],
    [{ dhcpInterface: 'eth0', dhcpRange: '10.0.0.1' }],
    [{ dhcpInterface: 'eth0\nlog-queries', dhcpProxy: true }],
    [{ kernelArgs: 'a\nb' }],
    [{ kernelArgs: 'a || shell' }],
    [{ kernelArgs: "a' b" }],
  ])('refuses %j as a fault of usage', (options) => {
    expect(() => readServerConfig({ data: '/d', ...options })).toThrow(expect.objectContaining({ code: 'usage' }));
  });

  it.each(['postgres://me:secret@db/deploy', 'postgresql://db:5433/deploy?sslmode=verify-full'])(
    'takes %s as a database, and shows no password',
    (text) => {
      const { database } = readServerConfig({ data: '/d', database: text });
      expect(database).toMatchObject({ kind: 'postgres', url: text });
      expect(describeLocation(database)).toMatch(/^postgres:\/\/db(:5433)?\/deploy$/);
    },
  );
});
