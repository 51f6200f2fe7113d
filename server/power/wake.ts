// Wake-on-LAN: magic packets from this server, from its agents near the machine, and from every other server on the same database.
import { networkInterfaces } from 'node:os';
import { DeployError } from '../../protocol/errors.ts';
import { broadcastOf, isInNetwork, listNetworks, sendMagicPacket } from '../../protocol/magic-packet.ts';
import type { SettingsOf } from '../../protocol/power.ts';
import type { AgentRegistry, ConnectedAgent } from '../agents/registry.ts';
import type { Context } from '../context.ts';
import { newId } from '../new-id.ts';
import type { PowerDriver, PowerMachine } from './driver.ts';

/** A server that comes by later than this lets it be. */
export const wakeLastsMs = 30_000;
/** One could be about to end. */
const agentsPerNetwork = 2;

type Wake = {
  readonly settings: SettingsOf<'wake-on-lan'>;
  readonly machine: PowerMachine;
  readonly password: string | null;
};

/** It wakes and can no more: whether the machine is on shows when its agent connects. */
export function openWakeOnLan(context: Context, wake: Wake): PowerDriver {
  const { db } = context;
  const { id, name } = wake.machine;
  return {
    read: async () => {
      const row = await db.selectFrom('machines').select('onlineUntil').where('id', '=', id).executeTakeFirst();
      return (row?.onlineUntil ?? '') > new Date().toISOString() ? 'on' : 'unknown';
    },
    ask: async (change) => {
      if (change !== 'on') {
        throw new DeployError('power-unsupported', `${name} is woken by magic packets, which turn nothing off`, {
          hint: "Give it the power driver redfish, ipmi or hook, or end its scenario with 'poweroff'.",
        });
      }
      const at = new Date().toISOString();
      const oldest = new Date(Date.now() - 20 * wakeLastsMs).toISOString();
      await db.deleteFrom('wakes').where('at', '<', oldest).execute();
      await db.insertInto('wakes').values({ id: newId(), machineId: id, at }).execute();
      await sendWake(context.agents, wake);
    },
  };
}

/** From here and from the agents of this very server. @throws DeployError power-failed when nothing could be sent from anywhere */
export async function sendWake(agents: AgentRegistry, { settings, machine, password }: Wake): Promise<void> {
  const macs = settings.macs ?? machine.macs;
  if (macs.length === 0) {
    throw new DeployError('power-failed', `no MAC address of ${machine.name} is known`, {
      hint: 'Give them: deploy-os machine power set MACHINE --wake-on-lan --mac 52:54:00:12:34:56',
    });
  }
  const packet = { macs, port: settings.port, ...(password === null ? {} : { password: normal(password) }) };
  const relays = chooseRelays(agents.list(), machine.networks, settings.broadcast);
  for (const agent of relays) agent.send({ type: 'wake', ...packet, macs: [...macs] });
  const networks = [...listNetworks(networkInterfaces()), ...machine.networks];
  const broadcasts = [...(settings.broadcast ?? []), ...networks.flatMap((network) => broadcastOf(network) ?? [])];
  try {
    await sendMagicPacket(packet, [...new Set(broadcasts)]);
  } catch (thrown) {
    if (relays.length === 0) throw thrown;
  }
}

/** Those in the networks where the machine was seen and in those of `broadcasts`; in every network, when nobody knows where it is. */
export function chooseRelays(
  agents: readonly ConnectedAgent[],
  networks: readonly string[],
  broadcasts: readonly string[] = [],
): ConnectedAgent[] {
  const known = networks.filter((network) => broadcastOf(network) !== null);
  const near = [...known, ...broadcasts];
  const chosen = new Set<ConnectedAgent>();
  const taken = new Map<string, number>();
  for (const agent of agents.filter(({ approved }) => approved)) {
    for (const network of agent.wakesIn) {
      const broadcast = broadcastOf(network);
      if (broadcast === null || (known.length > 0 && !near.some((address) => isInNetwork(address, network)))) continue;
      const count = taken.get(broadcast) ?? 0;
      if (count >= agentsPerNetwork) continue;
      taken.set(broadcast, count + 1);
      chosen.add(agent);
    }
  }
  return [...chosen];
}

function normal(password: string): string {
  return password.toLowerCase().replaceAll('-', ':');
}
