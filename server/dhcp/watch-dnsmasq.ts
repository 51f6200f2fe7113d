// Notices that dnsmasq runs and does not serve any more: it is asked for a small file by TFTP, as a loader would ask.
import type { FastifyBaseLogger } from 'fastify';
import { fetchTftp, type TftpAnswer } from '../doctor/fetch-tftp.ts';
import type { Supervised } from './supervise.ts';

/** So many questions in a row without an answer, each of some seconds: a flood may fill its queue for a moment. */
const deafAfter = 3;
const everyMs = 10_000;
const maxBytes = 65_536;

type WatchOptions = {
  readonly dnsmasq: Pick<Supervised, 'processId' | 'restart'>;
  readonly log: FastifyBaseLogger;
  /** Asks once; `silence` is what counts. */
  readonly ask: () => Promise<TftpAnswer>;
  readonly everyMs?: number;
};

/** `address` is the interface's; `file` is always there. */
export function askOf(address: string, file: string): () => Promise<TftpAnswer> {
  return () => fetchTftp({ address, file, maxBytes });
}

/**
 * Starts dnsmasq anew when it has answered since its last start and does so no more (R1). One that never answered has another reason, such as an
 * interface that is down. Returns what ends the watch.
 */
export function watchDnsmasq({ dnsmasq, log, ask, everyMs: pauseMs = everyMs }: WatchOptions): () => void {
  let answered: number | undefined;
  let silent = 0;
  let asking = false;
  const look = async () => {
    const { processId } = dnsmasq;
    const { kind } = await ask();
    if (kind !== 'silence') {
      answered = processId;
      silent = 0;
    } else if (answered !== undefined && answered === processId && ++silent >= deafAfter) {
      log.error({ fault: 'tftp-deaf', processId }, 'dnsmasq does not answer any more; starting it again');
      silent = 0;
      dnsmasq.restart();
    }
  };
  const timer = setInterval(() => {
    if (asking) return;
    asking = true;
    void look().finally(() => {
      asking = false;
    });
  }, pauseMs);
  timer.unref();
  return () => clearInterval(timer);
}
