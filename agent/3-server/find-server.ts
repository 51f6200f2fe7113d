// Third stage: the server is looked for through every NIC with link at once; the first that presents the pinned CA wins.
import { setTimeout as sleep } from 'node:timers/promises';
import type { CommandLine } from '../1-boot/command-line.ts';
import { installDhcpScript } from '../2-network/dhcp.ts';
import { isNamed, type LocalNic } from '../2-network/nics.ts';
import { prepareNetwork, probeMtuFromNowOn } from '../2-network/prepare.ts';
import { routeThrough } from '../2-network/route.ts';
import type { ServerConnection } from '../context.ts';
import { describeNic } from '../screen/describe-nic.ts';
import type { Status } from '../screen/status.ts';
import { en } from '../screen/words/en.ts';
import type { Say } from '../screen/words/words.ts';
import { setClockIfWrong } from './clock.ts';
import type { Route } from './nic-probe.ts';
import type { NicSearch } from './nic-search.ts';

const pollMs = 500;
/** At first a network comes up within a second or two, and each look costs little; where it does not, nothing is urgent. */
const firstPollMs = 100;
const firstLooksMs = 5000;
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
  await probeMtuFromNowOn();
  const clockFault = await setClockIfWrong(route.pinned.serverTimeMs);
  status.log('info', `found ${commandLine.serverUrl} through ${route.nic}, address ${route.address}`);
  const { preferredNic } = commandLine;
  if (isAbsent(preferredNic, nics)) status.log('warning', en.wait.noSuchNic(preferredNic));
  if (clockFault !== null) status.log('warning', `the clock of this machine is ${clockFault}`);
  if (search.bondFault !== null) status.log('warning', search.bondFault(en));
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
    for (const fault of search.takeFaults()) status.log('warning', fault);
    if (route !== undefined) return { nics, route };
    const waitingFor = nics.map(({ name, mac }): Say => {
      const say = search.sayOf(name);
      return (words) => words.wait.nic(name, mac, say(words));
    });
    if (search.bondFault !== null) waitingFor.push(search.bondFault);
    if (isAbsent(preferredNic, nics)) waitingFor.push(({ wait }) => wait.noSuchNic(preferredNic));
    status.update({
      stage: ({ stage }) => stage.lookingFor(serverUrl),
      nics,
      nicResults: search.sayAll(),
      waitingFor: nics.length > 0 ? waitingFor : [({ wait }) => wait.noNic],
    });
    if (!warned && performance.now() - startedMs > patienceMs) {
      warned = true;
      const words = nics.map((nic) => `${describeNic(nic, en)}: ${search.sayOf(nic.name)(en)}`);
      status.log(
        'warning',
        `${serverUrl} not found in ${patienceMs / 1000} s, still trying: ${words.join('; ') || 'no NIC'}`,
      );
    }
    await sleep(performance.now() - startedMs < firstLooksMs ? firstPollMs : pollMs);
  }
}

function isAbsent(preferred: string | null, nics: readonly LocalNic[]): preferred is string {
  return preferred !== null && !nics.some((nic) => isNamed(nic, preferred));
}

type Voices = { readonly status: Status; readonly search: NicSearch };

/** Once the server is found: what the link is like, and what became of the other NICs. */
function report(nics: readonly LocalNic[], route: Route, { status, search }: Voices): void {
  for (const nic of nics) {
    if (nic.name !== route.nic) status.log('info', `${describeNic(nic, en)}: ${search.sayOf(nic.name)(en)}`);
    else if (nic.duplex === 'half' || (nic.speedMbps !== null && nic.speedMbps < slowMbps)) {
      status.log(
        'warning',
        `a slow link, which works: ${describeNic(nic, en)}; look at the cable and the switch's port`,
      );
    }
  }
}
