import { connect } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { routes } from '../../../server/routes.ts';
import { errorCode, eventually, TestServer } from '../support.ts';

describe('requests that keep the server busy', () => {
  it('run eight at a time for one user, and for others beside them', async () => {
    await using server = await TestServer.start();
    const { port, operatorToken } = server.running;
    const begun = Array.from({ length: 8 }, () => {
      const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false }, () =>
        // Their bodies do not come.
        socket.write(
          `POST /v1/store/gc HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${operatorToken}\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n`,
        ),
      );
      socket.on('error', () => {});
      return socket;
    });
    const full = () => server.tls('/v1/store/full-stats', { method: 'POST', headers: server.operator });
    await eventually(async () => (await full()).status === 429, 30_000);
    expect(errorCode(await full())).toBe('too-many-requests');
    expect((await server.tls('/v1/machines', { headers: server.operator })).status).toBe(200);
    const [name, password] = ['ann', 'correct horse battery'];
    await server.api('POST', '/v1/users', { name, password, role: 'operator' });
    const { token } = await server.api<{ token: string }>('POST', '/v1/sessions', { name, password });
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const other = { method: 'POST', headers, body: '{}' };
    expect((await server.tls('/v1/store/full-stats', other)).status).toBe(200);
    for (const socket of begun) socket.destroy();
    await eventually(async () => (await full()).status !== 429);
  });

  it('are those that read the store from end to end, or send a medium', () => {
    const costly = routes.filter((route) => route.costly).map(({ path }) => path);
    expect(costly.toSorted()).toEqual([
      '/v1/media/deploy-os.iso',
      '/v1/store/check',
      '/v1/store/full-stats',
      '/v1/store/gc',
    ]);
  });
});
