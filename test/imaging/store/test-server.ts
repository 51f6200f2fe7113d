// A real server in this process for tests of its clients, and a server that answers as a test wants it to.
import { mkdtemp, rm } from 'node:fs/promises';
import type { RequestListener } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { readServerConfig } from '../../../server/config.ts';
import { type RunningServer, startServer } from '../../../server/start-server.ts';
import { openAuthority } from '../../../server/tls/authority.ts';
import { smallFilesFolder } from '../../fixtures/temp-directory.ts';

export type TestServer = {
  running: RunningServer;
  readonly dataDir: string;
  /** Stops it and starts it again on the same port, after `awayMs`. */
  restart(awayMs: number): Promise<void>;
  close(): Promise<void>;
};

/** `store`: another place for images than its data directory. */
export async function startTestServer(store?: string): Promise<TestServer> {
  const dataDir = await mkdtemp(join(await smallFilesFolder(), 'deploy-os-server-'));
  const start = (port: number): Promise<RunningServer> =>
    startServer(
      readServerConfig({ data: dataDir, store, listen: `127.0.0.1:${port}`, logLevel: 'silent', approve: 'all' }),
    );
  const server: TestServer = {
    running: await start(0),
    dataDir,
    restart: async (awayMs) => {
      const { port } = server.running;
      await server.running.close();
      await new Promise((resolve) => setTimeout(resolve, awayMs));
      server.running = await start(port);
    },
    close: async () => {
      await server.running.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
  return server;
}

export type HostileServer = {
  readonly url: string;
  readonly ca: string;
  readonly listener: Server;
  close(): Promise<void>;
};

/** An HTTPS server with a certificate of its own CA and any answers: a broken or hostile peer. */
export async function startHostileServer(answer: RequestListener): Promise<HostileServer> {
  const dataDir = await mkdtemp(join(await smallFilesFolder(), 'deploy-os-hostile-'));
  const authority = await openAuthority(dataDir, ['127.0.0.1']);
  await rm(dataDir, { recursive: true });
  const listener = createServer({ key: authority.serverKeyPem, cert: authority.serverPem }, answer);
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  return {
    url: `https://127.0.0.1:${(listener.address() as AddressInfo).port}`,
    ca: authority.caPem,
    listener,
    close: () =>
      new Promise((resolve) => {
        listener.close(() => resolve());
        listener.closeAllConnections();
      }),
  };
}
