// Third stage: the server is looked for through every NIC with link at once; the first that presents the pinned CA wins.

import { isIPv4 } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fetchPinnedCa, type PinnedCa } from '../../imaging/store/pinned-ca.ts';
import { toDeployError } from '../../protocol/errors.ts';
import type { Nic } from '../../protocol/inventory.ts';
import type { CommandLine } from '../1-boot/command-line.ts';
import { bringUp, ensureDhcp, installDhcpScript } from '../2-network/dhcp.ts';
import { listNics, orderNics } from '../2-network/nics.ts';
import { routeThrough } from '../2-network/route.ts';
import type { ServerConnection } from '../context.ts';
import type { Status } from '../screen/status.ts';
import { setClockIfWrong } from './clock.ts';

const pollMs = 500;
const probeTimeoutMs = 5000;
const probePauseMs = 2000;
/** How long a preferred NIC may take longer than one that has already found the server. */
const preferenceMs = 3000;
/** Spanning tree takes up to 60 s; after this the fault is reported as a warning, and the search goes on. */
const patienceMs = 90_000;

type Route = { readonly nic: string; readonly address: string; readonly pinned: PinnedCa };

/** What is going on at one NIC. */
type Probe = { doing: string; running: boolean; notBeforeMs: number; found?: Route };

/** Tries until the server is found, and says on the status page what it waits for. */
export async function findServer(commandLine: CommandLine, status: Status): Promise<ServerConnection> {
  await installDhcpScript();
  const route = await searchAllNics(commandLine, status);
  await routeThrough(route.nic, route.address, new URL(commandLine.serverUrl).hostname);
  await setClockIfWrong(route.pinned.serverTimeMs);
  status.log('info', `found ${commandLine.serverUrl} through ${route.nic}, address ${route.address}`);
  return { url: commandLine.serverUrl, ca: route.pinned.ca };
}

async function searchAllNics(commandLine: CommandLine, status: Status): Promise<Route> {
  const probes = new Map<string, Probe>();
  const startedMs = performance.now();
  let firstFoundMs: number | undefined;
  let warned = false;
  for (;;) {
    const nics = orderNics(await listNics(commandLine.bootMac), commandLine.preferredNic);
    for (const nic of nics) await advance(nic, probeOf(probes, nic.name), commandLine);
    const found = nics.map((nic) => probes.get(nic.name)?.found);
    const best = found.find((route) => route !== undefined);
    if (best !== undefined) firstFoundMs ??= performance.now();
    const mayBeat = found.indexOf(best) > 0 && nics.slice(0, found.indexOf(best)).some((nic) => nic.link);
    if (best !== undefined && (!mayBeat || performance.now() - (firstFoundMs ?? 0) > preferenceMs)) return best;
    const waitingFor = nics.map((nic) => `${nic.name} (${nic.mac}): ${probes.get(nic.name)?.doing}`);
    status.update({
      stage: `looking for ${commandLine.serverUrl}`,
      nics,
      waitingFor: nics.length > 0 ? waitingFor : ['no NIC: its driver may be missing'],
    });
    if (!warned && performance.now() - startedMs > patienceMs) {
      warned = true;
      status.log(
        'warning',
        `${commandLine.serverUrl} not found in ${patienceMs / 1000} s, still trying: ${waitingFor.join('; ') || 'no NIC'}`,
      );
    }
    await sleep(pollMs);
  }
}

function probeOf(probes: Map<string, Probe>, name: string): Probe {
  const known = probes.get(name) ?? { doing: 'bringing it up', running: false, notBeforeMs: 0 };
  probes.set(name, known);
  return known;
}

/** Takes one NIC as far as it can go now: link, address, server. */
async function advance(nic: Nic, probe: Probe, commandLine: CommandLine): Promise<void> {
  if (!nic.link) {
    probe.doing = 'waiting for link (is the cable plugged in?)';
    await bringUp(nic.name).catch((thrown) => {
      probe.doing = `cannot be brought up: ${toDeployError(thrown).message}`;
    });
    return;
  }
  await ensureDhcp(nic.name);
  const address = nic.addresses.find((candidate) => isIPv4(candidate));
  if (address === undefined) {
    probe.doing = 'waiting for an address (DHCP; spanning tree may take a minute)';
  } else if (!probe.running && performance.now() >= probe.notBeforeMs) {
    void ask(nic.name, address, probe, commandLine);
  }
}

async function ask(
  nic: string,
  address: string,
  probe: Probe,
  { serverUrl, caFingerprint }: CommandLine,
): Promise<void> {
  probe.running = true;
  if (!probe.doing.startsWith('address')) probe.doing = `address ${address}, asking the server`;
  try {
    const pinned = await fetchPinnedCa(serverUrl, caFingerprint, { localAddress: address, timeoutMs: probeTimeoutMs });
    probe.found = { nic, address, pinned };
  } catch (thrown) {
    probe.doing = `address ${address}, ${toDeployError(thrown).message}`;
  } finally {
    probe.running = false;
    probe.notBeforeMs = performance.now() + probePauseMs;
  }
}
