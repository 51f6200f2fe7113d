// How long a client waits before it tries a server again; used by the HTTP store and by the agent's control channel.

export type Backoff = { readonly firstMs: number; readonly maxMs: number };

/**
 * The wait before retry number `attempt` (0 for the first): doubles from `firstMs` to `maxMs`, of which a random half is
 * taken off, so that a hundred machines that lost one server do not come back in the same instant.
 */
export function backoffDelayMs(
  attempt: number,
  { firstMs, maxMs }: Backoff,
  random: () => number = Math.random,
): number {
  const fullMs = Math.min(maxMs, firstMs * 2 ** Math.min(attempt, 30));
  return fullMs * (1 - random() / 2);
}
