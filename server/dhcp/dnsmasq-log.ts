// What dnsmasq says, in the server's log: faults by name as warnings, all else for those who debug.
import type { FastifyBaseLogger } from 'fastify';

/** The faults that dnsmasq knows, by its words (dnsmasq's dhcp.c, rfc2131.c, tftp.c, network.c), and what to do about each. */
const faults: readonly (readonly [RegExp, string])[] = [
  [/no address range available|no addresses left|no address available/, 'dhcp-range-exhausted'],
  [/failed to (bind|create) .*(socket|port)|Address already in use/, 'dhcp-or-tftp-port-in-use'],
  // Loaders ask for files that need not be there: GRUB for its lists of modules, shim for revocations and certificates.
  [
    /file (?!.*(?:\.lst|revocations_\w+\.efi|shim_certificate_\d+\.efi) ).* not found|cannot access/,
    'tftp-file-missing',
  ],
  [/error \d+ .* received from|failed sending/, 'tftp-transfer-aborted'],
  [/not using configured address|wrong network|wrong server-ID/, 'dhcp-other-server'],
];

/** Of one fault so many lines at a time are told, and then their number. */
const toldAtOnce = 5;
const windowMs = 60_000;

type Count = { sinceMs: number; told: number; more: number };

/** Foreign packets may make thousands of lines a second: they change a counter (R1). */
export class DnsmasqLog {
  readonly #log: FastifyBaseLogger;
  readonly #counts = new Map<string, Count>();

  constructor(log: FastifyBaseLogger) {
    this.#log = log;
  }

  take(line: string, nowMs = performance.now()): void {
    const text = line.replace(/^dnsmasq(-dhcp|-tftp)?(\[\d+\])?:\s*/, '');
    const fault = faults.find(([pattern]) => pattern.test(text))?.[1];
    if (fault === undefined) {
      this.#log.debug({ from: 'dnsmasq' }, text);
      return;
    }
    const count = this.#countOf(fault, nowMs);
    if (count.told < toldAtOnce) {
      count.told++;
      this.#log.warn({ from: 'dnsmasq', fault }, text);
    } else {
      count.more++;
      this.#log.debug({ from: 'dnsmasq', fault }, text);
    }
  }

  #countOf(fault: string, nowMs: number): Count {
    const known = this.#counts.get(fault);
    if (known !== undefined && nowMs - known.sinceMs < windowMs) return known;
    if (known !== undefined && known.more > 0) {
      const seconds = Math.round((nowMs - known.sinceMs) / 1000);
      this.#log.warn(
        { from: 'dnsmasq', fault, more: known.more, seconds },
        `${known.more} more of these in ${seconds} s`,
      );
    }
    const count = { sinceMs: nowMs, told: 0, more: 0 };
    this.#counts.set(fault, count);
    return count;
  }
}
