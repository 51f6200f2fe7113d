// Second stage, when other settings were given: what the settings before them set up is taken down first, since it would stand in their way.
import { stat } from 'node:fs/promises';
import type { Settings } from '../1-boot/settings.ts';
import { forgetDhcp } from './dhcp.ts';
import { listNics } from './nics.ts';
import { clearStaticAddress } from './static-address.ts';
import { ip } from './tools.ts';
import { vlanName } from './vlan.ts';

/** Links stay up: a switch with spanning tree would make them wait again. Routes go with the addresses that they leave by. */
export async function giveUpNetwork({ ip: choice, vlan }: Pick<Settings, 'ip' | 'vlan'>): Promise<void> {
  for (const nic of await listNics(null)) {
    const device = vlan === null ? nic.name : vlanName(nic, vlan);
    if ((await stat(`/sys/class/net/${device}`).catch(() => null)) === null) continue;
    if (choice.kind === 'static') await clearStaticAddress(device, choice);
    else await forgetDhcp(device);
    if (vlan !== null) await ip('link', 'del', 'dev', device);
  }
}
