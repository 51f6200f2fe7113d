// The DHCP server that a site has already: a plain dnsmasq on a host of its own. It gives addresses, and knows of booting what it is told.
import { type ChildProcess, spawn } from 'node:child_process';
import { openSync } from 'node:fs';
import type { NetworkNamespace } from './network-namespace.ts';

/** None of these is in the range of the lab's own server. */
const range = '10.77.0.200,10.77.0.249';

const flags = [
  'keep-in-foreground',
  'log-dhcp',
  'log-facility=-',
  'no-hosts',
  'no-resolv',
  'port=0',
  'bind-interfaces',
];

export class AddressServer {
  readonly #process: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#process = child;
  }

  /** `more` are lines of a configuration file. */
  static async start(network: NetworkNamespace, logPath: string, more: readonly string[] = []): Promise<AddressServer> {
    const host = await network.addHost('10.77.0.2');
    const place = ['interface=eth0', `dhcp-range=${range},255.255.255.0,1h`, `dhcp-leasefile=${logPath}.leases`];
    const options = [...flags, ...place, ...more].map((flag) => `--${flag}`);
    const [command, args] = network.wrapCommand('dnsmasq', ['--conf-file=/dev/null', '--user=root', ...options], host);
    const log = openSync(logPath, 'a');
    return new AddressServer(spawn(command, args, { stdio: ['ignore', log, log] }));
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#process.kill('SIGKILL');
    await ended;
  }
}
