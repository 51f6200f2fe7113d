// A running lab machine: started in the lab's network, watched on its serial line, controlled over QMP, dead when we are.
import { type ChildProcess, spawn } from 'node:child_process';
import { copyFileSync, existsSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type DiskSpec,
  firmwareVariablesOf,
  type MachineFiles,
  type MachineSpec,
  machineFiles,
  qemuArguments,
  qemuProgramOf,
  wayArguments,
} from './machine-spec.ts';
import type { NetworkNamespace } from './network-namespace.ts';
import { Qmp } from './qmp.ts';
import { SerialLine } from './serial-line.ts';

// biome-ignore lint/suspicious/noControlCharactersInRegex: terminal control sequences begin with ESC
const controlSequences = /\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][A-Z0-9]|\r/g;

export class Machine {
  readonly spec: MachineSpec;
  readonly files: MachineFiles;
  readonly #process: ChildProcess;
  readonly #qemuLog: string;
  readonly #ended: Promise<void>;
  #qmp: Qmp | undefined;

  private constructor(spec: MachineSpec, files: MachineFiles, child: ChildProcess, qemuLog: string) {
    this.spec = spec;
    this.files = files;
    this.#process = child;
    this.#qemuLog = qemuLog;
    this.#ended = new Promise((resolve) => child.on('close', () => resolve()));
  }

  /** Powers a machine on; its logs and sockets go to `folder`, whose path must be short enough for a socket (107 bytes). */
  static async start(spec: MachineSpec, network: NetworkNamespace, folder: string): Promise<Machine> {
    const files = machineFiles(folder, spec.name);
    const variables = firmwareVariablesOf(spec);
    if (variables !== null && !existsSync(files.firmwareVariables)) copyFileSync(variables, files.firmwareVariables);
    for (const socket of [files.qmpSocket, files.serialSocket, files.ordersSocket]) rmSync(socket, { force: true });
    writeFileSync(files.serialLog, '');
    const taps: string[] = [];
    for (const { behind } of spec.nics) taps.push(await network.addTap(behind));
    const [command, args] = network.wrapCommand(qemuProgramOf(spec), qemuArguments(spec, taps, files));
    const qemuLog = path.join(folder, `${spec.name}.qemu.log`);
    const log = openSync(qemuLog, 'w');
    const machine = new Machine(spec, files, spawn(command, args, { stdio: ['ignore', log, log] }), qemuLog);
    await machine.waitUntil('its control socket', 10_000, async () => existsSync(files.qmpSocket));
    machine.#qmp = await Qmp.connect(files.qmpSocket);
    return machine;
  }

  get isRunning(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /** All the serial line said since power-on, without the control sequences of a terminal. */
  readSerial(): string {
    return readFileSync(this.files.serialLog, 'utf8').replace(controlSequences, '');
  }

  /** Waits until `text` stands on the serial line; answers all that was said. */
  async waitForSerial(text: string | RegExp, timeoutMs: number): Promise<string> {
    const holds = (said: string) => (typeof text === 'string' ? said.includes(text) : text.test(said));
    await this.waitUntil(`'${text}' on the serial line`, timeoutMs, async () => holds(this.readSerial()));
    return this.readSerial();
  }

  async waitForPowerOff(timeoutMs: number): Promise<void> {
    const ended = this.#ended.then(() => true);
    if (!(await Promise.race([ended, sleep(timeoutMs, false, { ref: false })])))
      throw this.failure('powering off', timeoutMs);
  }

  /** Waits until `holds`, asked five times a second; a machine that goes off meanwhile is an error. */
  async waitUntil(what: string, timeoutMs: number, holds: () => Promise<boolean>): Promise<void> {
    const deadlineMs = performance.now() + timeoutMs;
    while (!(await holds())) {
      if (!this.isRunning) throw this.failure(`${what}, but the machine is off`, timeoutMs);
      if (performance.now() > deadlineMs) throw this.failure(what, timeoutMs);
      await sleep(200);
    }
  }

  /** What a wait that came to nothing is told with: the end of the serial log, and where all of it is. */
  failure(what: string, timeoutMs: number): Error {
    const lines = this.readSerial().trimEnd().split('\n').slice(-40);
    const qemuSaid = readFileSync(this.#qemuLog, 'utf8').trim();
    const heading = `machine ${this.spec.name}: waited ${timeoutMs / 1000} s for ${what}`;
    return new Error(
      [heading, ...lines, qemuSaid, `the whole serial log: ${this.files.serialLog}`].filter(Boolean).join('\n'),
    );
  }

  /** Runs one QMP command, such as `system_reset`, `set_link` or `eject`. */
  async control(command: string, args?: Record<string, unknown>): Promise<unknown> {
    return this.#qmp?.execute(command, args);
  }

  /** A person at the serial line. While one listens there the log of it repeats characters: what the machine says meanwhile is in `heard`. */
  async openSerial(): Promise<SerialLine> {
    return await SerialLine.open(this.files.serialSocket);
  }

  /** Presses keys on its keyboard one after the other, by QEMU's names (`ret`, `shift-s`). */
  async pressKeys(keys: readonly string[]): Promise<void> {
    for (const key of keys) {
      await this.control('human-monitor-command', { 'command-line': `sendkey ${key} 40` });
      // The next key goes down before the one before it has come up otherwise.
      await sleep(60);
    }
  }

  /** Plugs a disk in while the machine runs, or one more way to one that it has: `index` is the disk's number in the machine, from 0. */
  async plug(disk: DiskSpec, index: number, path = 0): Promise<void> {
    const { drive, device } = wayArguments(disk, index, { path });
    for (const line of [`drive_add 0 ${drive}`, `device_add ${device}`]) {
      const said = String(await this.control('human-monitor-command', { 'command-line': line })).trim();
      if (said !== '' && said !== 'OK') throw new Error(`QEMU refused '${line}': ${said}`);
    }
  }

  /** Pulls the plug. */
  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#ended;
    this.#qmp?.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}
