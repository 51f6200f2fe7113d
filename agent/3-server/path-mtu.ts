// Third stage: whether large packets get to the server and back. Where they vanish without a word (RFC 2923, 2.1: an MTU black hole) small questions are
// answered, and the first chunk of a job would hang for ever.
import type { fetchPinnedCa } from '../../imaging/store/pinned-ca.ts';
import { toDeployError } from '../../protocol/errors.ts';
import { limitMtu, type Way } from '../2-network/route.ts';
import type { Say } from '../screen/words/words.ts';

/** More than the largest frames of Ethernet, less than the 16 KiB that a server takes as the head of a request. */
const largeBytes = 12_000;
const timeoutMs = 2500;
/** What tunnels leave of 1500 (IPsec, WireGuard, VXLAN, GRE), what IPv6 asks of every link (RFC 8200, 5), and what IPv4 does of every host (RFC 791). */
const candidates = [1400, 1280, 576];

type FetchCa = typeof fetchPinnedCa;
export type AskLarge = (options?: Parameters<FetchCa>[2]) => ReturnType<FetchCa>;

export class PathMtu {
  /** What packets to the server are kept to; null: as large as the NIC sends them. */
  limit: number | null = null;

  /** To be called when the server has answered a small question. `ask` asks it once more. */
  async check(way: Way, serverAddress: string, ask: AskLarge): Promise<void> {
    // A packet may be lost for other reasons.
    if ((await passes(ask)) || (await passes(ask))) return;
    for (const mtu of candidates) {
      await limitMtu(way, serverAddress, mtu);
      if (!(await passes(ask))) continue;
      this.limit = mtu;
      return;
    }
    // It is something else, or what cannot be helped.
    this.limit = null;
    await limitMtu(way, serverAddress, null);
  }

  get fault(): Say | null {
    const { limit } = this;
    return limit === null ? null : ({ probe }) => probe.blackHole(limit);
  }
}

/** Any answer will do, and any fault but silence. */
async function passes(ask: AskLarge): Promise<boolean> {
  try {
    await ask({ fillBytes: largeBytes, timeoutMs });
    return true;
  } catch (thrown) {
    const { cause } = toDeployError(thrown);
    const code = cause instanceof Error && 'code' in cause ? cause.code : '';
    return code !== 'ESILENT' && code !== 'ETIMEDOUT';
  }
}
