// Names whoever stands in the way of the server's port: the process that holds it, or the ephemeral range that it lies in.
import { readdir, readFile, readlink } from 'node:fs/promises';

/** `name (process 123)` of the process that listens on the port, as far as this process may see it; else null. */
export async function findPortOwner(port: number, protocol: 'tcp' | 'udp' = 'tcp'): Promise<string | null> {
  const inodes = await listListeningInodes(port, protocol);
  if (inodes.size === 0) return null;
  for (const processId of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    if (await holdsSocket(processId, inodes)) {
      const name = await readFile(`/proc/${processId}/comm`, 'utf8').catch(() => 'unknown');
      return `${name.trim()} (process ${processId})`;
    }
  }
  return null;
}

/** `32768-60999` when the port lies in the range from which this system takes the near ends of outgoing connections; else null. */
export async function findEphemeralRange(port: number): Promise<string | null> {
  const text = await readFile('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').catch(() => '');
  const [first = 0, last = -1] = text.trim().split(/\s+/).map(Number);
  return port >= first && port <= last ? `${first}-${last}` : null;
}

/** Columns by proc_net_tcp(5): local address 1, state 3 (0A: listening; 07: a UDP socket that is not connected), inode 9. */
async function listListeningInodes(port: number, protocol: 'tcp' | 'udp'): Promise<Set<string>> {
  const listening = protocol === 'tcp' ? '0A' : '07';
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const tables = await Promise.all(
    [protocol, `${protocol}6`].map((name) => readFile(`/proc/net/${name}`, 'utf8').catch(() => '')),
  );
  const rows = tables.flatMap((table) => table.split('\n').slice(1)).map((line) => line.trim().split(/\s+/));
  return new Set(
    rows.filter((row) => row[1]?.endsWith(suffix) && row[3] === listening).map((row) => `socket:[${row[9]}]`),
  );
}

async function holdsSocket(processId: string, inodes: ReadonlySet<string>): Promise<boolean> {
  // Processes come and go, and those of other users are not ours to look into.
  const descriptors = await readdir(`/proc/${processId}/fd`).catch(() => []);
  for (const descriptor of descriptors) {
    if (inodes.has(await readlink(`/proc/${processId}/fd/${descriptor}`).catch(() => ''))) return true;
  }
  return false;
}
