// Long work that an operator waits for: it runs as long as the connection lasts, and its answer comes line by line (docs/protocol.md, "Tasks").
import { PassThrough } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyReply } from 'fastify';
import type { Progress, RunOptions } from '../../imaging/progress.ts';
import { toDeployError, toErrorBody } from '../../protocol/errors.ts';

type Work = (run: Required<Omit<RunOptions, 'pause'>>) => Promise<object>;

/** Often enough for a person, and for connections that proxies close when nothing moves on them. */
const reportEveryMs = 1000;
/** Work that does not end on being told so is left behind when the server stops: stores outlast that. */
const stopWithinMs = 5000;

export class StreamedTasks {
  readonly #running = new Map<AbortController, Promise<void>>();

  /** Begins `work` and returns the answer's body. When the client goes, the work is told to stop. */
  start(reply: FastifyReply, work: Work): PassThrough {
    const stop = new AbortController();
    const lines = new PassThrough();
    reply.raw.once('close', () => stop.abort());
    reply.type('application/x-ndjson');
    const done = this.#run(reply, lines, stop.signal, work).finally(() => this.#running.delete(stop));
    this.#running.set(stop, done);
    return lines;
  }

  /** Stops what is running and waits for its end. */
  async close(): Promise<void> {
    for (const stop of this.#running.keys()) stop.abort();
    await Promise.race([Promise.all(this.#running.values()), sleep(stopWithinMs, undefined, { ref: false })]);
  }

  async #run(reply: FastifyReply, lines: PassThrough, signal: AbortSignal, work: Work): Promise<void> {
    let latest: Progress | undefined;
    const write = (line: object) => lines.write(`${JSON.stringify(line)}\n`);
    const timer = setInterval(() => {
      // A client that does not read gets the next one.
      if (lines.writableNeedDrain) return;
      if (latest === undefined) lines.write('\n');
      else write({ progress: latest });
    }, reportEveryMs);
    try {
      const onProgress = (progress: Progress) => {
        if (progress.phase !== latest?.phase) write({ progress });
        latest = progress;
      };
      write({ result: await work({ signal, onProgress, onWarning: (warning) => write({ warning }) }) });
    } catch (thrown) {
      const error = toDeployError(thrown);
      if (error.code === 'internal') reply.log.error({ err: thrown }, 'task failed');
      write({ error: toErrorBody(error) });
    } finally {
      clearInterval(timer);
      lines.end();
    }
  }
}
