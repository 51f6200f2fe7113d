// Second stage: an address for each NIC with link, by busybox's udhcpc, which stays to renew the lease.
import { execFile, spawn } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';

const scriptPath = '/run/deploy-os/udhcpc.sh';

/**
 * What udhcpc runs on each event. Beside the usual address and default route each NIC gets a routing table of its own, chosen by source
 * address: so a connection made from that address leaves by that NIC, even with two NICs on one network or two default routes.
 */
const script = `#!/bin/sh
ip() { busybox ip "$@"; }
table=$(busybox cat "/sys/class/net/$interface/ifindex")
forget() { while ip rule del table "$table" 2>/dev/null; do :; done; ip -4 route flush table "$table" 2>/dev/null; }
case "$1" in
deconfig)
  forget
  ip -4 addr flush dev "$interface"
  ip link set dev "$interface" up ;;
bound|renew)
  [ "$1" = renew ] && ip -4 addr show dev "$interface" | busybox grep -qF "inet $ip/" && exit 0
  forget
  ip -4 addr flush dev "$interface"
  ip addr add "$ip/\${mask:-24}" broadcast + dev "$interface"
  ip route add "$(busybox ipcalc -n "$ip" "$subnet" | busybox cut -d= -f2)/\${mask:-24}" dev "$interface" table "$table"
  for gateway in $router; do
    ip route add default via "$gateway" dev "$interface" metric "$((1000 + table))"
    ip route add default via "$gateway" dev "$interface" table "$table"
    break
  done
  ip rule add from "$ip" table "$table"
  [ -n "$dns" ] && for server in $dns; do echo "nameserver $server"; done >/etc/resolv.conf ;;
esac
exit 0
`;

/** Brings the NIC up so that it can find its link. */
export async function bringUp(nic: string): Promise<void> {
  await promisify(execFile)('busybox', ['ip', 'link', 'set', 'dev', nic, 'up']);
}

export async function installDhcpScript(): Promise<void> {
  await mkdir('/run/deploy-os', { recursive: true });
  await writeFile(scriptPath, script, { mode: 0o755 });
}

/**
 * Asks for an address on `nic` until there is one (a switch with spanning tree forwards nothing for 30 to 60 s after link), and keeps the
 * lease. It outlives the agent, so that a restarted agent finds its addresses; while one runs for `nic`, this does nothing.
 */
export async function ensureDhcp(nic: string): Promise<void> {
  const pidFile = `/run/deploy-os/udhcpc.${nic}.pid`;
  if (await runsUdhcpc(pidFile)) return;
  // Five discovers three seconds apart, two seconds' pause, and so on for ever.
  const child = spawn(
    'busybox',
    ['udhcpc', '-f', '-i', nic, '-p', pidFile, '-s', scriptPath, '-t', '5', '-T', '3', '-A', '2'],
    {
      stdio: 'ignore',
      detached: true,
    },
  );
  // Without a listener a failed spawn would end the agent; the next look at the NICs starts it again.
  child.on('error', () => undefined);
  child.unref();
  if (child.pid !== undefined) await writeFile(pidFile, String(child.pid));
}

async function runsUdhcpc(pidFile: string): Promise<boolean> {
  const pid = (await readFile(pidFile, 'utf8').catch(() => '')).trim();
  if (!/^\d+$/.test(pid)) return false;
  const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return commandLine.includes('udhcpc');
}
