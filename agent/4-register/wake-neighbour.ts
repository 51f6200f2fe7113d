// On behalf of the server, which no magic packet leaves for this network: wakes another machine that is in it.
import { networkInterfaces } from 'node:os';
import type { ServerMessage } from '../../protocol/agent-messages.ts';
import { toDeployError } from '../../protocol/errors.ts';
import { broadcastOf, listNetworks, sendMagicPacket } from '../../protocol/magic-packet.ts';
import type { Log } from '../screen/status.ts';

type Wake = Extract<ServerMessage, { type: 'wake' }>;

/** What goes wrong is said, and ends nothing. */
export async function wakeNeighbour({ macs, port, password }: Wake, log: Log): Promise<void> {
  const broadcasts = listNetworks(networkInterfaces()).flatMap((network) => broadcastOf(network) ?? []);
  try {
    await sendMagicPacket({ macs, port, password }, broadcasts);
    log('info', `sent magic packets to wake ${macs.join(', ')}`);
  } catch (thrown) {
    log('warning', `waking ${macs.join(', ')}: ${toDeployError(thrown).message}`);
  }
}
