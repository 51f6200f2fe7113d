// Who waits for whom when uploads together are larger than the memory for them: real requests to a real HTTP server, whose bodies come when the test says so.
import { type ClientRequest, createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { BodyBudget } from '../../server/body-budget.ts';
import { eventually } from './support.ts';

const bodyBytes = 1000;
const never = 3_600_000;
const servers: Server[] = [];
const requests: ClientRequest[] = [];

afterEach(() => {
  for (const outgoing of requests.splice(0)) outgoing.destroy();
  for (const server of servers.splice(0)) server.close();
});

/** Names of requests in the order in which they were admitted; `answer` ends one, `send` begins one without its body. */
async function serve(bounds: ConstructorParameters<typeof BodyBudget>[0]) {
  const budget = new BodyBudget(bounds);
  const admitted: string[] = [];
  const asked: string[] = [];
  const answers = new Map<string, () => void>();
  const server = createServer((incoming, response) => {
    const name = incoming.url?.slice(1) ?? '';
    budget.admit(incoming, response, () => {
      admitted.push(name);
      incoming.resume();
      answers.set(name, () => void response.end());
    });
    asked.push(name);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const send = async (name: string): Promise<ClientRequest> => {
    const headers = { 'content-length': bodyBytes };
    const outgoing = request({ host: '127.0.0.1', port, method: 'POST', path: `/${name}`, headers, agent: false });
    outgoing.on('error', () => {});
    outgoing.flushHeaders();
    requests.push(outgoing);
    await eventually(async () => asked.includes(name));
    return outgoing;
  };
  return { admitted, answer: (name: string) => answers.get(name)?.(), send };
}

const admits = (admitted: readonly string[], ...names: string[]) =>
  eventually(async () => admitted.join() === names.join());

it('admits what fits, in the order of asking, and the next when an answer is out or a sender gone', async () => {
  const bounds = { quickBytes: 2 * bodyBytes, quickWithinMs: never, totalBytes: 10 * bodyBytes };
  const { admitted, answer, send } = await serve(bounds);
  const first = await send('a');
  for (const name of ['b', 'c', 'd', 'e']) await send(name);
  expect(admitted).toEqual(['a', 'b']);
  first.destroy();
  await admits(admitted, 'a', 'b', 'c');
  answer('b');
  await admits(admitted, 'a', 'b', 'c', 'd');
});

it('lets nobody wait for a slow sender, up to a bound for all of them', async () => {
  const { admitted, answer, send } = await serve({
    ...{ quickBytes: bodyBytes, quickWithinMs: 20, totalBytes: 3 * bodyBytes },
  });
  for (const name of ['a', 'b', 'c', 'd']) await send(name);
  await admits(admitted, 'a', 'b', 'c');
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(admitted).toEqual(['a', 'b', 'c']);
  answer('a');
  await admits(admitted, 'a', 'b', 'c', 'd');
});

it('has no one admitted for one whose body has come and is worked on, however long that takes', async () => {
  const { admitted, answer, send } = await serve({
    ...{ quickBytes: bodyBytes, quickWithinMs: 1500, totalBytes: 10 * bodyBytes },
  });
  (await send('a')).end(Buffer.alloc(bodyBytes));
  await send('b');
  await new Promise((resolve) => setTimeout(resolve, 2000));
  expect(admitted).toEqual(['a']);
  answer('a');
  await admits(admitted, 'a', 'b');
});
