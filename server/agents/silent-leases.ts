// Which leases nobody has renewed for long. Renewals are watched and not dated: a clock may be set, and those of two servers are never quite the same.

type RunningJob = { readonly id: string; readonly leaseHeardAt: string | null };

export class SilentLeases {
  /** By job, the renewal that was seen last, and since when (of this process's own time). */
  #seen = new Map<string, { readonly heardAt: string | null; readonly sinceMs: number }>();

  /** Of all running jobs, those whose lease has not been renewed for so long under this very watch: before its first look nothing was silent. */
  find<Job extends RunningJob>(running: readonly Job[], silentMs: number, nowMs = performance.now()): Job[] {
    const before = this.#seen;
    this.#seen = new Map(
      running.map(({ id, leaseHeardAt: heardAt }) => {
        const known = before.get(id);
        return [id, known?.heardAt === heardAt ? known : { heardAt, sinceMs: nowMs }];
      }),
    );
    return running.filter(({ id }) => nowMs - (this.#seen.get(id)?.sinceMs ?? nowMs) > silentMs);
  }
}
