// Many simulated agents in one process, beside the server that is measured (measure-server.ts, which tells it what to do).
// By hand: node scripts/simulate-agents.ts PORT COUNT keeps so many connected, and reporting as soon as they have jobs.
import { Agent, request } from 'node:https';
import { makeUpMachine } from './load/made-up-machine.ts';
import { SimulatedAgent } from './load/simulated-agent.ts';

/** From the parent: end the jobs. */
type Order = { readonly order: 'finish' };
/** To the parent. */
export type AgentsReport = {
  readonly connected: number;
  readonly busy: number;
  readonly jobsDone: number;
  readonly joinSeconds: number;
};

const [port = 0, count = 0] = process.argv.slice(2).map(Number);
const joinAtOnce = 20;
const reportEveryMs = 1000;
const connections = new Agent({ keepAlive: true, maxSockets: joinAtOnce, rejectUnauthorized: false });

function askToken(number: number): Promise<string> {
  const { smbios, nics } = makeUpMachine(number);
  const body = JSON.stringify({ uuid: smbios.uuid, macs: nics.map(({ mac }) => mac) });
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, path: '/v1/boot-token', method: 'POST', headers, agent: connections };
    const outgoing = request(options, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('end', () => {
        const text = Buffer.concat(parts).toString();
        if (response.statusCode !== 201) reject(new Error(`${response.statusCode} ${text}`));
        else resolve((JSON.parse(text) as { token: string }).token);
      });
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

const agents: SimulatedAgent[] = [];
const startMs = performance.now();
let next = 0;
async function joinSome(): Promise<void> {
  while (next < count) {
    const number = next++;
    agents.push(await SimulatedAgent.join(port, await askToken(number), makeUpMachine(number)));
  }
}
await Promise.all(Array.from({ length: joinAtOnce }, joinSome));
const joinSeconds = (performance.now() - startMs) / 1000;

process.on('message', ({ order }: Order) => {
  if (order === 'finish') for (const agent of agents) agent.finish();
});
process.on('disconnect', () => process.exit());

/** Each agent at a time of its own within the second, as it would be with real ones. */
for (const [index, agent] of agents.entries()) {
  setTimeout(() => setInterval(() => agent.report(), reportEveryMs), (index / agents.length) * reportEveryMs);
}
setInterval(() => {
  const report: AgentsReport = {
    connected: agents.filter((agent) => !agent.closed).length,
    busy: agents.filter((agent) => agent.busy).length,
    jobsDone: agents.reduce((sum, agent) => sum + agent.jobsDone, 0),
    joinSeconds,
  };
  process.send?.(report);
}, 500);
