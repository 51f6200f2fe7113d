// Second stage: an address for each NIC with link, by busybox's udhcpc, which stays to renew the lease.
import { execFile, spawn } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { leaseFile } from './lease.ts';
import { runDir } from './prepare.ts';

const scriptPath = `${runDir}/udhcpc.sh`;
const earScriptPath = `${runDir}/udhcpc-ear.sh`;
/** How long another machine has to answer for an address that was offered; a machine in the same network needs a few. */
const arpMs = 250;
const endWithinMs = 2000;

/**
 * What udhcpc runs on each event. Beside the usual address and default route each NIC gets a routing table of its own, chosen by source
 * address: so a connection made from that address leaves by that NIC or not at all, even with two NICs on one network or two default routes.
 * What the DHCP server said is kept in a file (lease.ts), for the agent to read; of an address last, when its routes are there.
 */
const script = `#!/bin/sh
ip() { busybox ip "$@"; }
table=$(busybox cat "/sys/class/net/$interface/ifindex")
forget() { while ip rule del table "$table" 2>/dev/null; do :; done; ip -4 route flush table "$table" 2>/dev/null; }
say() {
  for word in event="$1" server="$serverid" domain="$domain" dns="$dns" message="$message"; do
    printf '%s\\n' "$(printf '%s' "$word" | busybox tr '\\n' ' ')"
  done >"${leaseFile('$interface')}.new"
  busybox mv "${leaseFile('$interface')}.new" "${leaseFile('$interface')}"
}
case "$1" in
deconfig)
  forget
  ip -4 addr flush dev "$interface"
  ip link set dev "$interface" up ;;
nak|leasefail)
  say "$1" ;;
bound|renew)
  [ "$1" = renew ] && ip -4 addr show dev "$interface" | busybox grep -qF "inet $ip/" && say bound && exit 0
  forget
  ip -4 addr flush dev "$interface"
  ip addr add "$ip/\${mask:-24}" broadcast + dev "$interface"
  ip route add "$(busybox ipcalc -n "$ip" "$subnet" | busybox cut -d= -f2)/\${mask:-24}" dev "$interface" table "$table"
  for gateway in $router; do
    ip route add default via "$gateway" dev "$interface" metric "$((1000 + table))"
    ip route add default via "$gateway" dev "$interface" table "$table"
    break
  done
  ip route add prohibit default metric 65535 table "$table"
  ip rule add from "$ip" table "$table"
  say bound ;;
esac
exit 0
`;

/**
 * Reads what udhcpc says, for what it runs no script on: that another machine answered for the address that it was offered (RFC 5227), which it then declined.
 * It lives as long as udhcpc does.
 */
const earScript = `#!/bin/sh
while read -r line; do
  case "$line" in
  *"select for "*)
    address=\${line##*select for }
    address=\${address%%,*} ;;
  *declining*)
    printf 'event=declined\\naddress=%s\\n' "$address" >"${leaseFile('$1')}.new"
    busybox mv "${leaseFile('$1')}.new" "${leaseFile('$1')}" ;;
  esac
done
`;

export async function installDhcpScript(): Promise<void> {
  await writeFile(scriptPath, script, { mode: 0o755 });
  await writeFile(earScriptPath, earScript, { mode: 0o755 });
}

const pidFileOf = (device: string): string => `${runDir}/udhcpc.${device}.pid`;

/**
 * Asks for an address on `device` until there is one (a switch with spanning tree forwards nothing for 30 to 60 s after link), and keeps the
 * lease. It outlives the agent, so that a restarted agent finds its addresses; while one runs for `device`, this does nothing.
 */
export async function ensureDhcp(device: string): Promise<void> {
  const pidFile = pidFileOf(device);
  if ((await findUdhcpc(device)) !== null) return;
  await rm(leaseFile(device), { force: true });
  const ear = spawn('busybox', ['sh', earScriptPath, device], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
  // Three discovers three seconds apart, two seconds' pause, and so on for ever; after an address was declined a pause, too.
  const times = ['-t', '3', '-T', '3', '-A', '2', `-a${arpMs}`];
  const child = spawn('busybox', ['udhcpc', '-f', '-i', device, '-p', pidFile, '-s', scriptPath, ...times], {
    stdio: ['ignore', 'ignore', ear.stdin],
    detached: true,
  });
  ear.stdin.destroy();
  for (const process of [ear, child]) {
    // Without a listener a failed spawn would end the agent; the next look at the NICs starts it again.
    process.on('error', () => undefined);
    process.unref();
  }
  if (child.pid !== undefined) await writeFile(pidFile, String(child.pid));
}

/** The cable was out and may be in another network now: the lease is asked for once more. */
export async function renewLease(device: string): Promise<void> {
  const pid = await findUdhcpc(device);
  // It may end in between.
  if (pid !== null) trySignal(pid, 'SIGUSR1');
}

/** Ends what asks for an address on `device` and takes away what it has got. */
export async function forgetDhcp(device: string): Promise<void> {
  const endMs = performance.now() + endWithinMs;
  for (let pid = await findUdhcpc(device); pid !== null; pid = await findUdhcpc(device)) {
    trySignal(pid, performance.now() < endMs ? 'SIGTERM' : 'SIGKILL');
    await sleep(50);
  }
  for (const file of [pidFileOf(device), leaseFile(device)]) await rm(file, { force: true });
  const env = { ...process.env, interface: device };
  await promisify(execFile)(scriptPath, ['deconfig'], { env, timeout: 10 * endWithinMs });
}

function trySignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // The next look at the NICs starts another one.
  }
}

async function findUdhcpc(device: string): Promise<number | null> {
  const pid = (await readFile(pidFileOf(device), 'utf8').catch(() => '')).trim();
  if (!/^\d+$/.test(pid)) return null;
  const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return commandLine.includes('udhcpc') ? Number(pid) : null;
}
