import { createServer } from 'node:net';
import { expect, it } from 'vitest';
import { faultWords } from '../../../agent/3-server/fault-words.ts';
import { en } from '../../../agent/screen/words/en.ts';
import { fetchPinnedCa } from '../../../imaging/store/pinned-ca.ts';
import { DeployError } from '../../../protocol/errors.ts';

const fingerprint = `sha256:${'0a'.repeat(32)}`;

/** The fault of a server that does `act` with each connection. */
async function faultOf(act: (socket: import('node:net').Socket) => void): Promise<{ words: string; port: number }> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    act(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as import('node:net').AddressInfo;
  try {
    await fetchPinnedCa(`https://127.0.0.1:${port}`, fingerprint, { timeoutMs: 300 });
    throw new Error('it was trusted');
  } catch (thrown) {
    return { words: faultWords(thrown, { address: '127.0.0.1', port })(en), port };
  } finally {
    server.close();
  }
}

it('tells a port that connects and stays silent from one that does not connect', async () => {
  const { words, port } = await faultOf(() => undefined);
  expect(words).toMatch(new RegExp(`^port ${port} of 127.0.0.1 connects, but nothing comes: .*MTU`));
});

it('tells another service, and a connection that breaks', async () => {
  expect((await faultOf((socket) => socket.end('SSH-2.0-OpenSSH\r\n'))).words).toMatch(/is no web server$/);
  expect((await faultOf((socket) => socket.resetAndDestroy())).words).toMatch(/breaks the connection/);
});

it('tells a NIC whose network has no gateway, and says any other fault in its own words', () => {
  const asked = { address: '10.0.0.1', port: 7433 };
  const cause = Object.assign(new Error('connect EACCES'), { code: 'EACCES' });
  expect(faultWords(new DeployError('server-unreachable', 'x', { cause }), asked)(en)).toBe(
    '10.0.0.1 is not in this network, and the network has no gateway',
  );
  expect(faultWords(new Error('odd'), asked)(en)).toBe('odd');
});
