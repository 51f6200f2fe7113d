// Third stage, from then on: when the link or the server is lost, the way to the server is looked for again through every NIC.
import { setTimeout as sleep } from 'node:timers/promises';
import { toDeployError } from '../../protocol/errors.ts';
import { routeThrough } from '../2-network/route.ts';
import type { Status } from '../screen/status.ts';
import type { NicSearch } from './nic-search.ts';

const pollMs = 1000;
/** A link that comes back within this has only flickered: connections outlast it. */
const usualGraceMs = 5000;
/** After the server has answered, the connection to it has so long to come back before the search begins anew. */
const reconnectMs = 20_000;

type Watch = {
  readonly status: Status;
  readonly search: NicSearch;
  /** The server is reached another way now: connections by the old one are of no use any more. */
  readonly onMoved: () => void;
  readonly graceMs?: number;
};

/** Runs for as long as the agent does. */
export async function keepServer(watch: Watch): Promise<never> {
  const { status, search, graceMs = usualGraceMs } = watch;
  let lostMs: number | undefined;
  for (;;) {
    await sleep(pollMs, undefined, { ref: false });
    for (const found of search.takeFaults()) status.log('warning', found);
    const fault = await findFault(watch).catch(() => null);
    if (fault === null) lostMs = undefined;
    else lostMs ??= performance.now();
    if (fault === null || performance.now() - (lostMs ?? 0) < graceMs) continue;
    await searchAgain(fault, watch).catch((thrown) => {
      status.log('warning', `looking for the server again: ${toDeployError(thrown).message}`);
    });
    lostMs = undefined;
  }
}

/** Null while all is well. */
async function findFault({ status, search }: Watch): Promise<string | null> {
  const nic = await search.readCurrent();
  if (nic === undefined && search.current !== undefined) return `${search.current.nic} is gone`;
  if (nic?.link === false) return `${nic.name} has lost its link`;
  return status.model.connected ? null : 'the connection to the server is lost';
}

/** Ends when the server is reached again, by whatever NIC. */
async function searchAgain(fault: string, watch: Watch): Promise<void> {
  const { status, search } = watch;
  const before = search.current;
  search.startAgain();
  const sayAtMs = performance.now() + usualGraceMs;
  let said = false;
  for (;;) {
    const { nics, route } = await search.step();
    if (route !== undefined) {
      const moved = route.device !== before?.device || route.address !== before.address;
      search.current = route;
      await routeThrough(route, route.serverAddress);
      if (moved) {
        status.log('warning', `${fault}; the server is reached through ${route.nic} now, address ${route.address}`);
        watch.onMoved();
      } else if (said) {
        status.log('info', `the server answers again through ${route.nic}, address ${route.address}`);
      }
      await waitForConnection(status);
      return;
    }
    if ((await findFault(watch)) === null) return;
    if (!said && performance.now() >= sayAtMs) {
      said = true;
      status.log('warning', `${fault}; looking for the server through every NIC, for ever`);
    }
    status.update({ nics: await search.listResults(nics), nicResults: search.sayAll() });
    await sleep(pollMs, undefined, { ref: false });
  }
}

async function waitForConnection(status: Status): Promise<void> {
  const endMs = performance.now() + reconnectMs;
  do await sleep(pollMs, undefined, { ref: false });
  while (!status.model.connected && performance.now() < endMs);
}
