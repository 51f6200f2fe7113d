// The door of the live events: who may watch, what a client asks for, and when it is sent away again.
import type { IncomingMessage } from 'node:http';
import { type WebSocket, WebSocketServer } from 'ws';
import { prettifyError, ZodError } from 'zod';
import { DeployError } from '../../protocol/errors.ts';
import { type Event, type WatchRequest, watchRequestSchema } from '../../protocol/events.ts';
import { identifyCaller } from '../callers.ts';
import type { Context } from '../context.ts';
import { toServerError } from '../database/connection-loss.ts';
import { readJob } from '../jobs/read-jobs.ts';
import { keepAlive, refuseUpgrade, type WebSocketDoor } from '../listener/web-sockets.ts';
import { Broadcaster } from './broadcaster.ts';
import { readVisible, type Visible } from './visible.ts';
import { Watcher } from './watcher.ts';

const maxRequestBytes = 4096;
const maxWatchers = 500;
const closeGraceMs = 1500;
/** A token that was revoked meanwhile ends what it began. */
const recheckEveryMs = 30_000;

export function openEventsDoor(context: Context): WebSocketDoor {
  const server = new WebSocketServer({ noServer: true, maxPayload: maxRequestBytes, perMessageDeflate: false });
  const broadcaster = new Broadcaster(context);
  return {
    upgrade: (request, socket, head) => {
      admit(context, request, server.clients.size)
        .then(() =>
          server.handleUpgrade(request, socket, head, (webSocket) => serve(context, broadcaster, webSocket, request)),
        )
        .catch((thrown) => refuseUpgrade(socket, toServerError(thrown)));
    },
    close: async () => {
      for (const webSocket of server.clients) {
        webSocket.close(1012, 'the server stops');
        setTimeout(() => webSocket.terminate(), closeGraceMs).unref();
      }
      await broadcaster.close();
    },
  };
}

/** A browser sends its cookie whichever page asks, and no rule of its own keeps that page from reading: so the page must be of this server. */
async function admit(context: Context, { headers }: IncomingMessage, watching = 0): Promise<Visible | null> {
  const caller = await identifyCaller(context, { method: 'UPGRADE', headers }, { access: 'viewer', on: 'caller' });
  if (watching >= maxWatchers) {
    throw new DeployError('too-many-requests', `${watching} clients watch this server already`);
  }
  return readVisible(context.db, caller);
}

function serve(context: Context, broadcaster: Broadcaster, webSocket: WebSocket, request: IncomingMessage): void {
  const watcher = new Watcher(webSocket);
  let work: Promise<void> = Promise.resolve();
  let gone = false;
  const fail = (thrown: unknown): void => {
    const { code, message } = toServerError(thrown);
    if (code === 'internal') context.log.error({ err: thrown }, 'live events failed');
    watcher.close(
      code === 'internal' || code === 'database-unavailable' ? 1011 : 1008,
      `${code}: ${message}`.slice(0, 120),
    );
  };
  const recheck = async (): Promise<void> => watcher.show(await admit(context, request));
  const stopTimers = [keepAlive(webSocket), every(recheckEveryMs, () => void recheck().catch(fail))];
  webSocket.on('message', (data: Buffer) => {
    webSocket.pause();
    work = work
      .then(recheck)
      .then(() => begin(context, broadcaster, watcher, readRequest(data)))
      .then(() => {
        if (gone) broadcaster.remove(watcher);
      })
      .catch(fail)
      .finally(() => webSocket.resume());
  });
  webSocket.on('error', () => webSocket.terminate());
  webSocket.on('close', () => {
    gone = true;
    for (const stop of stopTimers) stop();
    broadcaster.remove(watcher);
  });
}

function readRequest(data: Buffer): WatchRequest {
  try {
    return watchRequestSchema.parse(JSON.parse(data.toString()));
  } catch (cause) {
    const text = cause instanceof ZodError ? prettifyError(cause) : 'no JSON';
    throw new DeployError('invalid-input', text, { cause });
  }
}

async function begin(context: Context, broadcaster: Broadcaster, watcher: Watcher, watch: WatchRequest): Promise<void> {
  const job = watch.job === null ? null : await readJob(context.db, watch.job);
  if (job !== null && !watcher.sees(job.machineId)) throw new DeployError('job-not-found', `no job ${job.id}`);
  await broadcaster.add(watcher);
  watcher.begin(watch, job?.machineId ?? null);
  const event: Event = { type: 'watching' };
  watcher.offer(event, JSON.stringify(event));
  watcher.flush();
}

function every(ms: number, act: () => void): () => void {
  const timer = setInterval(act, ms);
  return () => clearInterval(timer);
}
