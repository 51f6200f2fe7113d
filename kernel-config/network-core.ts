import type { KernelConcern } from './concern.ts';

/** What every NIC needs above it: IP, DHCP's raw socket, VLANs and teamed links. */
export const networkCore: KernelConcern = {
  name: 'network-core',
  options: [
    { option: 'CONFIG_INET', want: 'y', reason: 'IPv4' },
    { option: 'CONFIG_IPV6', want: 'y', reason: 'IPv6' },
    { option: 'CONFIG_PACKET', want: 'y', reason: "DHCP's raw socket" },
    { option: 'CONFIG_VLAN_8021Q', want: 'm', reason: 'tagged networks' },
    { option: 'CONFIG_BONDING', want: 'm', reason: 'switches that expect LACP' },
  ],
  modules: ['8021q', 'bonding'],
};
