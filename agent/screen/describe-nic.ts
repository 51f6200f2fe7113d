// One NIC in one line: what it is, and how its link is.
import type { Nic } from '../../protocol/inventory.ts';

export function describeNic(nic: Nic): string {
  return [nameNic(nic), ...errorWords(nic)].join(', ');
}

/** Without its errors, which have no room on the line of a small screen. */
export function nameNic(nic: Nic): string {
  const link = nic.link ? ['link', ...speedWords(nic)].join(' ') : 'no link';
  return `${nic.name}${nic.boot ? ' (boot)' : ''} ${nic.mac} ${nic.driver ?? 'no driver'}, ${link}`;
}

export function errorWords({ errors }: Nic): string[] {
  return errors === 0 ? [] : [`${errors} errors`];
}

function speedWords({ speedMbps, duplex }: Nic): string[] {
  return [
    ...(speedMbps === null ? [] : [`${speedMbps} Mb/s`]),
    ...(duplex === null ? [] : [duplex === 'half' ? 'half duplex' : 'full']),
  ];
}
