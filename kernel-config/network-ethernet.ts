import type { KernelConcern } from './concern.ts';

/** Wired NICs on PCI, with their PHYs. */
export const networkEthernet: KernelConcern = {
  name: 'network-ethernet',
  options: [
    { option: 'CONFIG_E1000', want: 'm', reason: 'Intel gigabit, and most virtual machines' },
    { option: 'CONFIG_E1000E', want: 'm', reason: 'Intel gigabit of PCs' },
    { option: 'CONFIG_IGB', want: 'm', reason: 'Intel gigabit of servers' },
    { option: 'CONFIG_IGC', want: 'm', reason: 'Intel 2.5 gigabit' },
    { option: 'CONFIG_IXGBE', want: 'm', reason: 'Intel 10 gigabit' },
    { option: 'CONFIG_I40E', want: 'm', reason: 'Intel 40 gigabit' },
    { option: 'CONFIG_ICE', want: 'm', reason: 'Intel 100 gigabit' },
    { option: 'CONFIG_R8169', want: 'm', reason: 'Realtek' },
    { option: 'CONFIG_TIGON3', want: 'm', reason: 'Broadcom gigabit' },
    { option: 'CONFIG_BNX2', want: 'm', reason: 'Broadcom gigabit of servers (wants firmware)' },
    { option: 'CONFIG_BNXT', want: 'm', reason: 'Broadcom 10 to 200 gigabit' },
    { option: 'CONFIG_MLX5_CORE_EN', want: 'y', reason: 'Mellanox ConnectX-4 and later' },
    { option: 'CONFIG_8139TOO', want: 'm', reason: 'Realtek 100 megabit, and virtual machines' },
    { option: 'CONFIG_PCNET32', want: 'm', reason: 'AMD, and virtual machines' },
    { option: 'CONFIG_TULIP', want: 'm', reason: "Hyper-V's emulated NIC" },
  ],
  modules: ['drivers/net/ethernet/', 'drivers/net/phy/', 'drivers/net/mdio/', 'drivers/net/pcs/'],
  leaveOut: [
    'axnet_cs',
    'pcnet_cs',
    'drivers/net/ethernet/mellanox/mlxsw/',
    'drivers/net/ethernet/chelsio/inline_crypto/',
  ],
};
