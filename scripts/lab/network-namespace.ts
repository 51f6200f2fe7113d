// The lab's own network: a namespace with a bridge for the machines, and a veth by which the host reaches the server in it.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { runCommand } from './run-command.ts';

/** The server's address on the machines' network. */
export const serverAddress = '10.77.0.1';
export const bridgeName = 'br0';
/** Of the second segment, which a router (the server itself) joins to the first. */
export const routed = { bridgeName: 'br1', address: '10.79.0.1' } as const;

const namePrefix = 'deploy-lab-';

/** When a process started, in clock ticks since boot; null when there is none. Tells a process from a later one with its number. */
function readStartTime(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null;
  }
}

function listNames(): string[] {
  const listed = spawnSync('ip', ['-j', 'netns', 'list'], { encoding: 'utf8' }).stdout.trim();
  const rows: { name: string }[] = listed === '' ? [] : JSON.parse(listed);
  return rows.map((row) => row.name).filter((name) => name.startsWith(namePrefix));
}

/** Ends what still runs in a namespace and removes it; its bridge, taps and veth go with it. */
function removeNamespace(name: string): void {
  const pids = spawnSync('ip', ['netns', 'pids', name], { encoding: 'utf8' }).stdout.split('\n').filter(Boolean);
  for (const pid of pids) {
    try {
      process.kill(Number(pid), 'SIGKILL');
    } catch {
      // It ended by itself meanwhile.
    }
  }
  // The kernel frees a namespace, and the veth's end in it, some time after its name is gone; the host's end must go now.
  spawnSync('ip', ['link', 'delete', hostLinkOf(name)]);
  spawnSync('ip', ['netns', 'delete', name]);
}

/** The host's end of the veth of a namespace called PREFIX-pid-start-n; at most 15 characters. */
function hostLinkOf(name: string): string {
  const [pid, , n] = name.slice(namePrefix.length).split('-');
  return `lab${pid}-${n}`;
}

/** A run that was killed cannot tidy up: its namespace carries its process number and start time, so the next run can. */
function removeLeftovers(): void {
  for (const name of listNames()) {
    const [pid, startTime] = name.slice(namePrefix.length).split('-');
    if (readStartTime(Number(pid)) !== startTime) removeNamespace(name);
  }
}

/** A network of the lab, alive until `close` or the end of this process. */
export class NetworkNamespace {
  readonly name: string;
  /** By this address the host reaches the namespace, where no route to `serverAddress` could be had. */
  readonly hostSideAddress: string;
  /** By this address the namespace reaches the host. */
  readonly hostAddress: string;
  #taps = 0;
  /** Namespaces by address. */
  readonly #hosts = new Map<string, string>();
  readonly #close = (): void => {
    for (const name of [...this.#hosts.values(), this.name]) removeNamespace(name);
  };

  /** `network` is the first three bytes of that between the namespace and the host. */
  private constructor(name: string, network: string) {
    this.name = name;
    this.hostAddress = `${network}.1`;
    this.hostSideAddress = `${network}.2`;
    process.on('exit', this.#close);
  }

  /** Makes the namespace, its bridge with `serverAddress`/24, and the veth to the host. Needs root. */
  static async create(): Promise<NetworkNamespace> {
    removeLeftovers();
    const startTime = readStartTime(process.pid) ?? '0';
    const taken = new Set(listNames());
    let n = 1;
    while (taken.has(`${namePrefix}${process.pid}-${startTime}-${n}`)) n++;
    const name = `${namePrefix}${process.pid}-${startTime}-${n}`;
    const network = `10.78.${(process.pid + n) % 256}`;
    const namespace = new NetworkNamespace(name, network);
    await runCommand('ip', ['netns', 'add', name]);
    await namespace.#ip(`link set lo up`);
    await namespace.#ip(`link add ${bridgeName} type bridge stp_state 0 forward_delay 0`);
    await namespace.#ip(`addr add ${serverAddress}/24 dev ${bridgeName}`);
    await namespace.#ip(`link set ${bridgeName} up`);
    await namespace.#connectHost(hostLinkOf(name));
    return namespace;
  }

  #ip(command: string): Promise<string> {
    return runCommand('ip', ['-n', this.name, ...command.split(' ')]);
  }

  async #connectHost(hostSide: string): Promise<void> {
    const add = `link add ${hostSide} type veth peer name host0 netns ${this.name}`;
    await runCommand('ip', add.split(' '));
    await runCommand('ip', ['addr', 'add', `${this.hostAddress}/30`, 'dev', hostSide]);
    await runCommand('ip', ['link', 'set', hostSide, 'up']);
    await this.#ip(`addr add ${this.hostSideAddress}/30 dev host0`);
    await this.#ip(`link set host0 up`);
    // A second lab at the same time finds the route taken: its server is then reached through `ip netns exec` only.
    await runCommand('ip', ['route', 'add', `${serverAddress}/32`, 'via', this.hostSideAddress]).catch(() => {});
  }

  /** A second segment, with a bridge of its own. */
  async addRoutedSegment(): Promise<void> {
    await this.#ip(`link add ${routed.bridgeName} type bridge stp_state 0 forward_delay 0`);
    await this.#ip(`addr add ${routed.address}/24 dev ${routed.bridgeName}`);
    await this.#ip(`link set ${routed.bridgeName} up`);
  }

  /** A new tap for one NIC of one machine: on the bridge, on that of the second segment, or with link and nobody behind it. */
  async addTap(behind: 'bridge' | 'router' | 'nobody' = 'bridge'): Promise<string> {
    const tap = `tap${this.#taps++}`;
    await this.#ip(`tuntap add dev ${tap} mode tap`);
    const bridge = { bridge: bridgeName, router: routed.bridgeName, nobody: null }[behind];
    if (bridge !== null) await this.#ip(`link set ${tap} master ${bridge}`);
    await this.#ip(`link set ${tap} up`);
    return tap;
  }

  /** A host of its own on the machines' network, with an interface `eth0`; the one with this address if there is one. Answers the name of its namespace. */
  async addHost(address: string): Promise<string> {
    const known = this.#hosts.get(address);
    if (known !== undefined) return known;
    const [name, link] = [`${this.name}-h${this.#hosts.size}`, `host-br${this.#hosts.size}`];
    this.#hosts.set(address, name);
    await runCommand('ip', ['netns', 'add', name]);
    await this.#ip(`link add ${link} type veth peer name eth0 netns ${name}`);
    await this.#ip(`link set ${link} master ${bridgeName} up`);
    await runCommand('ip', ['-n', name, 'addr', 'add', `${address}/24`, 'dev', 'eth0']);
    // No IPv6: its address would come seconds later, and a browser gives up what it loads when addresses change.
    await runCommand('ip', ['-n', name, 'link', 'set', 'eth0', 'addrgenmode', 'none', 'up']);
    return name;
  }

  /** The command line that runs `command` in this namespace, or in that of one of its hosts, and ends it when this process dies, however it dies. */
  wrapCommand(command: string, args: readonly string[], host = this.name): [string, string[]] {
    return ['ip', ['netns', 'exec', host, 'setpriv', '--pdeathsig', 'KILL', command, ...args]];
  }

  close(): void {
    process.off('exit', this.#close);
    this.#close();
  }
}
