// One NIC in one line: what it is, and how its link is.
import type { Nic } from '../../protocol/inventory.ts';
import type { Words } from './words/words.ts';

export function describeNic(nic: Nic, words: Words): string {
  return [nameNic(nic, words), ...errorWords(nic, words)].join(', ');
}

/** Without its errors, which have no room on the line of a small screen. */
export function nameNic(nic: Nic, words: Words): string {
  const link = nic.link ? [words.nic.link, ...speedWords(nic, words)].join(' ') : words.nic.noLink;
  return `${nic.name}${nic.boot ? words.nic.boot : ''} ${nic.mac} ${nic.driver ?? words.nic.noDriver}, ${link}`;
}

export function errorWords({ errors }: Nic, words: Words): string[] {
  return errors === 0 ? [] : [words.nic.errors(errors)];
}

function speedWords({ speedMbps, duplex }: Nic, words: Words): string[] {
  return [
    ...(speedMbps === null ? [] : [`${speedMbps} Mb/s`]),
    ...(duplex === null ? [] : [duplex === 'half' ? words.nic.halfDuplex : words.nic.fullDuplex]),
  ];
}
