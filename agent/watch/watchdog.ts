// The machine's watchdog: a timer that resets it unless it is fed, which the agent's own loop does (docs/decisions/035-watchdog-and-kexec.md).
import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { listNames, readAttribute } from '../../imaging/blockdev/sysfs.ts';
import { runBounded } from '../1-boot/bounded-tool.ts';
import type { Log } from '../screen/status.ts';

const classFolder = '/sys/class/watchdog';
/** What the kernel calls softdog, the timer of its own: it works while the kernel does. */
const software = 'Software Watchdog';
const feedsEachTimeout = 4;
const longestPauseMs = 10_000;
const toolWithinMs = 10_000;
/** So long the tool has the device: it sets the time at once, and then only feeds. */
const toolSeconds = 1;

type Device = { readonly name: string; readonly identity: string; readonly timeoutSeconds: number };

export class Watchdog {
  readonly device: Device;
  readonly #root: string;
  readonly #descriptor: number;
  readonly #timer: NodeJS.Timeout;

  private constructor(device: Device, root: string, descriptor: number) {
    this.device = device;
    this.#root = root;
    this.#descriptor = descriptor;
    const pauseMs = Math.min(longestPauseMs, (device.timeoutSeconds * 1000) / feedsEachTimeout);
    this.#feed();
    // Not kept alive by it: an agent that has nothing else to do ends.
    this.#timer = setInterval(() => this.#feed(), pauseMs).unref();
  }

  /**
   * Arms what the machine has, or the kernel's own, with the time that is wanted if it can have that. Null where there is none, or none is
   * wanted; that is said, and no reason to stop. `root` has `sys` and `dev` in it.
   */
  static async start(seconds: number | null, log: Log, root = '/'): Promise<Watchdog | null> {
    if (seconds === null) {
      log('info', 'the watchdog is left alone: deploy.watchdog=off');
      return null;
    }
    try {
      const found = (await findDevice(root)) ?? (await loadSoftware(seconds, root));
      if (found === null) {
        log('info', 'no watchdog: nothing resets this machine when it hangs');
        return null;
      }
      const device = await setTime(found, seconds, root);
      const watchdog = new Watchdog(device, root, openSync(join(root, 'dev', device.name), 'w'));
      log('info', `watchdog: ${watchdog.words}`);
      return watchdog;
    } catch (thrown) {
      log('warning', `the watchdog cannot be used: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
      return null;
    }
  }

  get words(): string {
    return `${this.device.identity}, resets the machine when the agent is stuck for ${this.device.timeoutSeconds} s`;
  }

  /** False where the driver does not allow it to be disarmed (`nowayout`): it then runs on, and whoever comes next has to feed it. */
  async canStop(): Promise<boolean> {
    return (await read(this.#root, this.device.name, 'nowayout')) !== '1';
  }

  /** Disarms it; false where it runs on. */
  async stop(): Promise<boolean> {
    clearInterval(this.#timer);
    try {
      // The magic close (Documentation/watchdog/watchdog-api.rst).
      writeSync(this.#descriptor, 'V');
      closeSync(this.#descriptor);
    } catch {
      return false;
    }
    return await this.canStop();
  }

  /** At once, and not by the pool of threads, which disks that do not answer may hold. A device that is gone is not missed. */
  #feed(): void {
    try {
      writeSync(this.#descriptor, '\0');
    } catch {
      clearInterval(this.#timer);
    }
  }
}

const read = (root: string, name: string, attribute: string) => readAttribute(join(root, classFolder), name, attribute);

/** One of hardware before the kernel's own. */
async function findDevice(root: string): Promise<Device | null> {
  const devices: Device[] = [];
  for (const name of await listNames(join(root, classFolder))) {
    const timeoutSeconds = Number(await read(root, name, 'timeout'));
    if (!/^watchdog\d+$/.test(name) || !(timeoutSeconds > 0)) continue;
    devices.push({ name, timeoutSeconds, identity: (await read(root, name, 'identity')) ?? 'without a name' });
  }
  return devices.find(({ identity }) => identity !== software) ?? devices[0] ?? null;
}

async function loadSoftware(seconds: number, root: string): Promise<Device | null> {
  const { ok } = await runBounded('modprobe', ['softdog', `soft_margin=${seconds}`], toolWithinMs);
  return ok ? await findDevice(root) : null;
}

/** By a tool, since Node has no ioctl; a device that cannot have that time keeps its own. */
async function setTime(device: Device, seconds: number, root: string): Promise<Device> {
  if (device.timeoutSeconds === seconds) return device;
  const set = ['watchdog', '-F', '-T', String(seconds), '-t', String(seconds), join(root, 'dev', device.name)];
  await runBounded('busybox', ['timeout', '-s', 'TERM', String(toolSeconds), 'busybox', ...set], toolWithinMs);
  return { ...device, timeoutSeconds: Number(await read(root, device.name, 'timeout')) || device.timeoutSeconds };
}
