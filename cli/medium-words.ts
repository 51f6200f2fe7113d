// What a medium puts on the kernel's command line, read as the agent will read it: what is wrong would show only on a machine's screen.
import { parseCommandLine } from '../agent/1-boot/command-line.ts';
import { DeployError } from '../protocol/errors.ts';

export type MediumFlags = {
  readonly ip?: string | undefined;
  readonly vlan?: string | undefined;
  readonly nic?: string | undefined;
  readonly bond?: string | undefined;
  readonly language?: string | undefined;
};

/** @throws DeployError usage, naming the word that is wrong. */
export function mediumWords(
  server: { readonly url?: string | undefined; readonly ca?: string | undefined },
  { ip, vlan, nic, bond, language }: MediumFlags,
  options?: string,
): string {
  const words = {
    'deploy.server': server.url,
    'deploy.ca': server.ca,
    'deploy.ip': ip,
    'deploy.vlan': vlan,
    'deploy.nic': nic,
    'deploy.bond': bond,
    'deploy.language': language,
  };
  const given = Object.entries(words).flatMap(([name, value]) => (value === undefined ? [] : [wordOf(name, value)]));
  const all = [...given, ...(options === undefined ? [] : [options])].join(' ');
  if (server.url !== undefined) parseCommandLine(all);
  return all;
}

function wordOf(name: string, value: string): string {
  if (/^[\x21-\x7e]+$/.test(value) && !value.includes('"')) return `${name}=${value}`;
  throw new DeployError('usage', `${name}: '${value}' is no word for the kernel's command line`);
}
