// The management server of the lab, run as a person would run it: the public command line in the lab's network, nothing internal.
import { type ChildProcess, spawn } from 'node:child_process';
import { openSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { uncheckedTimer } from './machine-spec.ts';
import { bridgeName, type NetworkNamespace, serverAddress } from './network-namespace.ts';
import { runCommand } from './run-command.ts';
import { ServerReader } from './server-reader.ts';

const command = path.join(import.meta.dirname, '../../cli/deploy-os');
const usualPort = 7433;
/** The flags of the server's own DHCP, of its part beside another DHCP server, and of its TFTP where the other one names the boot files too. */
const dhcpFlags = {
  full: ['--dhcp-interface', bridgeName, '--dhcp-range', '10.77.0.100,10.77.0.199'],
  proxy: ['--dhcp-interface', bridgeName, '--dhcp-proxy'],
  tftp: ['--dhcp-interface', bridgeName, '--tftp-only'],
  none: [],
} as const;
const startWithinMs = 60_000;

export type DeployServerOptions = {
  readonly network: NetworkNamespace;
  readonly dataDir: string;
  /** What `deploy-os build` made. */
  readonly bootDir: string;
  /** JSON lines of every start of this server. */
  readonly logPath: string;
} & Partial<ServerSettings>;

/** What may be another at each start. */
export type ServerSettings = {
  readonly dhcp: DhcpMode;
  readonly port: number;
  /** For every machine that boots from this server. */
  readonly kernelArgs: string;
};

export type DhcpMode = keyof typeof dhcpFlags;

export class DeployServer {
  readonly options: DeployServerOptions;
  #process: ChildProcess | undefined;
  #settings: ServerSettings;
  #reader: ServerReader | undefined;

  private constructor(options: DeployServerOptions) {
    this.options = options;
    const { dhcp = 'full', port = usualPort, kernelArgs = '' } = options;
    this.#settings = { dhcp, port, kernelArgs };
  }

  get url(): string {
    return `https://${serverAddress}:${this.#settings.port}`;
  }

  static async start(options: DeployServerOptions): Promise<DeployServer> {
    const server = new DeployServer(options);
    await server.#spawn();
    return server;
  }

  async #spawn(): Promise<void> {
    const { network, dataDir, bootDir, logPath } = this.options;
    const { dhcp, port, kernelArgs } = this.#settings;
    const flags = ['--data', dataDir, '--listen', `${serverAddress}:${port}`, '--boot-dir', bootDir];
    const boot = [...dhcpFlags[dhcp], '--kernel-args', `${uncheckedTimer} ${kernelArgs}`.trim()];
    const log = openSync(logPath, 'a');
    const [wrapper, args] = network.wrapCommand(command, ['server', ...flags, ...boot, '--log-level', 'debug']);
    const child = spawn(wrapper, args, { stdio: ['ignore', log, log] });
    this.#process = child;
    const deadlineMs = performance.now() + startWithinMs;
    while (!(await this.#answers())) {
      if (child.exitCode !== null || performance.now() > deadlineMs) {
        const said = readFileSync(logPath, 'utf8').trimEnd().split('\n').slice(-20).join('\n');
        throw new Error(`the server did not start; ${logPath} ends with\n${said}`);
      }
      await sleep(200);
    }
  }

  async #answers(): Promise<boolean> {
    return this.read('/v1/machines?limit=1').then(
      () => true,
      () => false,
    );
  }

  /** The command and arguments that run `deploy-os ARGS` against this server. */
  commandLine(...args: readonly string[]): [string, string[]] {
    const { network, dataDir } = this.options;
    return network.wrapCommand(command, [...args, '--data', dataDir]);
  }

  /** Runs `deploy-os ARGS --json` against this server and answers what it printed. */
  async ask<T>(...args: readonly string[]): Promise<T> {
    return JSON.parse(await runCommand(...this.commandLine(...args, '--json')));
  }

  /** What its API answers to `GET path`: for what is asked again and again, where `ask` would start a program each time. */
  read<T>(path: string): Promise<T> {
    this.#reader ??= new ServerReader(this.options.network, this.options.dataDir);
    return this.#reader.read(path);
  }

  /** Power cut: no chance to tidy up. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** A new process on what the last one left. */
  async restart(settings: Partial<ServerSettings> = {}): Promise<void> {
    this.#settings = { ...this.#settings, ...settings };
    await this.#spawn();
  }

  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  async #end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await ended;
  }
}
