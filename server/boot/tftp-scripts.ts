// Boot scripts by TFTP, for a GRUB without HTTP: it asks for the file of its machine, dnsmasq says that there is none, and here it is written.
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { FastifyBaseLogger } from 'fastify';
import { machineScriptsDir } from './grub-script.ts';

/** dnsmasq's tftp.c: `file NAME not found for ADDRESS`, `sent NAME to ADDRESS`. The name is the UUID, which may be missing, and the MAC address. */
const line =
  /^(?:dnsmasq-tftp(?:\[\d+\])?: )?(file|sent) \S*\/grub\/machines\/(([0-9A-Fa-f-]{0,36})_([0-9A-Fa-f:]{17})\.cfg) (?:not found for|to) (\S+)$/;
/** A machine that was written for and never came back for it. */
const lifeMs = 60_000;
/** Anyone can ask; so many at once boot nowhere. */
const maxScripts = 1000;

type TftpScriptsOptions = {
  readonly tftpDir: string;
  readonly log: FastifyBaseLogger;
  /** The script of the machine with these facts, which asks from `address`. */
  machineScript(query: URLSearchParams, address: string): Promise<string>;
};

export class TftpScripts {
  readonly #options: TftpScriptsOptions;
  readonly #timers = new Map<string, NodeJS.Timeout>();

  private constructor(options: TftpScriptsOptions) {
    this.#options = options;
  }

  /** What an earlier server left behind was for boots of then. */
  static async open(options: TftpScriptsOptions): Promise<TftpScripts> {
    const dir = path.join(options.tftpDir, machineScriptsDir);
    await rm(dir, { recursive: true, force: true });
    await mkdir(dir, { recursive: true });
    return new TftpScripts(options);
  }

  /** Takes a line of dnsmasq's log; answers whether it was about a script. */
  onLine(text: string): boolean {
    const [, what, name = '', uuid = '', mac = '', address = ''] = line.exec(text) ?? [];
    if (what === undefined) return false;
    if (what === 'sent') this.#remove(name);
    else if (!this.#timers.has(name) && this.#timers.size < maxScripts) {
      this.#timers.set(name, setTimeout(() => this.#remove(name), lifeMs).unref());
      this.#write(name, new URLSearchParams({ uuid, mac, platform: 'efi' }), address).catch((error: Error) => {
        this.#options.log.warn({ reason: error.message }, 'writing a boot script for TFTP failed');
        this.#remove(name);
      });
    }
    return true;
  }

  close(): void {
    for (const name of this.#timers.keys()) this.#remove(name);
  }

  /** Under its name only when it is whole. */
  async #write(name: string, query: URLSearchParams, address: string): Promise<void> {
    const text = await this.#options.machineScript(query, address);
    const file = this.#path(name);
    await writeFile(`${file}.new`, text, { mode: 0o644 });
    await rename(`${file}.new`, file);
  }

  #remove(name: string): void {
    clearTimeout(this.#timers.get(name));
    this.#timers.delete(name);
    // One that stays would be a later boot's script with this boot's token; the next start of the server removes it.
    rm(this.#path(name), { force: true }).catch((error: Error) => {
      this.#options.log.warn({ reason: error.message }, 'removing a boot script failed');
    });
  }

  #path(name: string): string {
    return path.join(this.#options.tftpDir, machineScriptsDir, name);
  }
}
