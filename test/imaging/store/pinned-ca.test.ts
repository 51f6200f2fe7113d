import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { fetchPinnedCa } from '../../../imaging/store/pinned-ca.ts';
import { startTestServer, type TestServer } from './test-server.ts';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

async function withPlainServer<T>(answer: RequestListener, use: (url: string) => Promise<T>): Promise<T> {
  const plain = createServer(answer);
  await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve));
  try {
    return await use(`https://127.0.0.1:${(plain.address() as AddressInfo).port}`);
  } finally {
    plain.closeAllConnections();
    plain.close();
  }
}

it("fetches the server's CA and its time when the fingerprint is the one given", async () => {
  const { ca, serverTimeMs } = await fetchPinnedCa(
    server.running.url,
    server.running.caFingerprint.toUpperCase().replace('SHA256', 'sha256'),
  );
  expect(ca).toContain('BEGIN CERTIFICATE');
  expect(Math.abs((serverTimeMs ?? 0) - Date.now())).toBeLessThan(10_000);
});

it('refuses a CA with another fingerprint and says which one it has', async () => {
  const fetching = fetchPinnedCa(server.running.url, `sha256:${'0'.repeat(64)}`);
  await expect(fetching).rejects.toMatchObject({ code: 'server-untrusted' });
  await expect(fetching).rejects.toThrow(server.running.caFingerprint);
});

it('refuses what is no certificate', async () => {
  const fetching = withPlainServer(
    (_request, response) => response.end('hello'),
    (url) => fetchPinnedCa(url, `sha256:${'0'.repeat(64)}`),
  );
  await expect(fetching).rejects.toMatchObject({ code: 'server-untrusted' });
});

it('reads no more of an endless answer than a certificate is long', async () => {
  const endless: RequestListener = (_request, response) => {
    const more = (): void => void response.write('x'.repeat(10_000), more);
    more();
  };
  const fetching = withPlainServer(endless, (url) => fetchPinnedCa(url, `sha256:${'0'.repeat(64)}`));
  await expect(fetching).rejects.toMatchObject({ code: 'server-unreachable' });
});

it('gives up on a server that accepts and says nothing', async () => {
  const fetching = withPlainServer(
    () => {},
    (url) => fetchPinnedCa(url, `sha256:${'0'.repeat(64)}`, { timeoutMs: 100 }),
  );
  await expect(fetching).rejects.toMatchObject({ code: 'server-unreachable' });
});

it('says that a port on which nobody listens is unreachable', async () => {
  const url = await withPlainServer(
    () => {},
    async (was) => was,
  );
  await expect(fetchPinnedCa(url, `sha256:${'0'.repeat(64)}`)).rejects.toMatchObject({ code: 'server-unreachable' });
});

it('refuses a fingerprint that is none before it asks anybody', async () => {
  await expect(fetchPinnedCa('https://192.0.2.1:1', 'md5:00')).rejects.toMatchObject({ code: 'invalid-input' });
});
