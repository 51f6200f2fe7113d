// Third stage: the server is looked for through every NIC with link at once; the first that presents the pinned CA wins.
import { setTimeout as sleep } from 'node:timers/promises';
import type { CommandLine } from '../1-boot/command-line.ts';
import { installDhcpScript } from '../2-network/dhcp.ts';
import { isNamed, type LocalNic } from '../2-network/nics.ts';
import { prepareNetwork } from '../2-network/prepare.ts';
import { routeThrough } from '../2-network/route.ts';
import type { ServerConnection } from '../context.ts';
import { describeNic } from '../screen/describe-nic.ts';
import type { Status } from '../screen/status.ts';
import { setClockIfWrong } from './clock.ts';
import type { Route } from './nic-probe.ts';
import type { NicSearch } from './nic-search.ts';

const pollMs = 500;
/** Spanning tree takes up to 60 s; after this the fault is reported as a warning, and the search goes on. */
const patienceMs = 90_000;
/** R16: what is slower still works, and is said. */
const slowMbps = 100;

/** Tries until the server is found, and says on the status page what it waits for. */
export async function findServer(
  commandLine: CommandLine,
  status: Status,
  search: NicSearch,
): Promise<ServerConnection> {
  await prepareNetwork();
  await installDhcpScript();
  const { nics, route } = await searchAllNics(commandLine, status, search);
  search.current = route;
  await routeThrough(route, route.serverAddress);
  await setClockIfWrong(route.pinned.serverTimeMs);
  status.log('info', `found ${commandLine.serverUrl} through ${route.nic}, address ${route.address}`);
  report(nics, route, { status, search });
  return { url: commandLine.serverUrl, ca: route.pinned.ca };
}

async function searchAllNics(
  { serverUrl, preferredNic }: CommandLine,
  status: Status,
  search: NicSearch,
): Promise<{ nics: LocalNic[]; route: Route }> {
  const startedMs = performance.now();
  let warned = false;
  for (;;) {
    const { nics, route } = await search.step();
    if (route !== undefined) return { nics, route };
    const waitingFor = nics.map((nic) => `${nic.name} (${nic.mac}): ${search.wordsOf(nic.name)}`);
    if (preferredNic !== null && !nics.some((nic) => isNamed(nic, preferredNic))) {
      waitingFor.push(`deploy.nic=${preferredNic}: this machine has no such NIC`);
    }
    status.update({
      stage: `looking for ${serverUrl}`,
      nics,
      waitingFor: nics.length > 0 ? waitingFor : ['no NIC: its driver may be missing'],
    });
    if (!warned && performance.now() - startedMs > patienceMs) {
      warned = true;
      const words = nics.map((nic) => `${describeNic(nic)}: ${search.wordsOf(nic.name)}`);
      status.log(
        'warning',
        `${serverUrl} not found in ${patienceMs / 1000} s, still trying: ${words.join('; ') || 'no NIC'}`,
      );
    }
    await sleep(pollMs);
  }
}

type Voices = { readonly status: Status; readonly search: NicSearch };

/** Once the server is found: what the link is like, and what became of the other NICs. */
function report(nics: readonly LocalNic[], route: Route, { status, search }: Voices): void {
  for (const nic of nics) {
    if (nic.name !== route.nic) status.log('info', `${describeNic(nic)}: ${search.wordsOf(nic.name)}`);
    else if (nic.duplex === 'half' || (nic.speedMbps !== null && nic.speedMbps < slowMbps)) {
      status.log('warning', `a slow link, which works: ${describeNic(nic)}; look at the cable and the switch's port`);
    }
  }
}
