// The control channel's door: a WebSocket upgrade with a boot token becomes a session; frames are decoded, ordered and bounded here.
import { Packr, Unpackr } from 'msgpackr';
import { type WebSocket, WebSocketServer } from 'ws';
import { prettifyError, ZodError } from 'zod';
import {
  type AgentMessage,
  agentMessageSchema,
  maxFrameBytes,
  type ServerMessage,
  serverMessageSchema,
} from '../../protocol/agent-messages.ts';
import { DeployError, toErrorBody } from '../../protocol/errors.ts';
import { identifyAgent } from '../callers.ts';
import type { Context } from '../context.ts';
import { toServerError } from '../database/connection-loss.ts';
import { keepAlive, refuseUpgrade, type WebSocketDoor } from '../listener/web-sockets.ts';
import type { ConnectedAgent } from './registry.ts';
import { AgentSession } from './session.ts';

const helloWithinMs = 30_000;
const closeGraceMs = 1500;
/** Messages that wait for the database; an agent that sends more is not read from for a while. */
const maxWaiting = 64;

const packr = new Packr({ useRecords: false });
const unpackr = new Unpackr({ useRecords: false });

/** Closing says goodbye to every agent and returns once all that they sent is worked off. */
export function openAgentDoor(context: Context): WebSocketDoor {
  const server = new WebSocketServer({ noServer: true, maxPayload: maxFrameBytes, perMessageDeflate: false });
  const sessions = new Set<Promise<void>>();
  const serve = (webSocket: WebSocket, machineId: string, bootId: string): void => {
    const session = serveAgent(context, webSocket, machineId, bootId).finally(() => sessions.delete(session));
    sessions.add(session);
  };
  return {
    upgrade: (request, socket, head) => {
      identifyAgent(context.db, request.headers)
        .then(({ machineId, bootId }) =>
          server.handleUpgrade(request, socket, head, (webSocket) => serve(webSocket, machineId, bootId)),
        )
        .catch((thrown) => refuseUpgrade(socket, toServerError(thrown)));
    },
    close: async () => {
      for (const webSocket of server.clients) {
        webSocket.close(1012, 'the server stops');
        setTimeout(() => webSocket.terminate(), closeGraceMs).unref();
      }
      await Promise.all(sessions);
    },
  };
}

/** Ends when the connection has ended and its last message is worked off. */
function serveAgent(context: Context, webSocket: WebSocket, machineId: string, bootId: string): Promise<void> {
  const agent: ConnectedAgent = {
    machineId,
    bootId,
    activeJobId: null,
    restUntilMs: 0,
    approved: false,
    paused: null,
    wakesIn: [],
    send: (message: ServerMessage) => webSocket.send(packr.pack(serverMessageSchema.parse(message))),
    close: (reason) => webSocket.close(1000, reason),
  };
  const session = new AgentSession(context, agent);
  const stopTimers = [keepAlive(webSocket), requireHello(webSocket)];
  let work: Promise<void> = Promise.resolve();
  let waiting = 0;
  webSocket.on('message', (data: Buffer) => {
    if (++waiting === maxWaiting) webSocket.pause();
    work = work
      .then(() => session.handle(decodeFrame(data)))
      .catch((thrown) => endSession(context, webSocket, agent, toServerError(thrown)))
      .finally(() => {
        if (--waiting < maxWaiting / 2 && webSocket.isPaused) webSocket.resume();
      });
  });
  webSocket.on('error', () => webSocket.terminate());
  return new Promise((resolve) => {
    webSocket.on('close', () => {
      for (const stop of stopTimers) stop();
      resolve(work.then(() => disconnect(context, agent)));
    });
  });
}

function decodeFrame(data: Buffer): AgentMessage {
  try {
    return agentMessageSchema.parse(unpackr.unpack(data));
  } catch (cause) {
    const text = cause instanceof ZodError ? prettifyError(cause) : String(cause);
    throw new DeployError('invalid-input', `not a message of this protocol: ${text}`, { cause });
  }
}

/** What is the agent's fault is said to it; what is the server's (a database that fails) is not, so that the agent tries again. */
function endSession(context: Context, webSocket: WebSocket, agent: ConnectedAgent, error: DeployError): void {
  const fields = { machine: agent.machineId, code: error.code };
  if (error.code === 'internal' || error.code === 'database-unavailable') {
    context.log.error({ ...fields, err: error.cause }, 'agent session failed');
    webSocket.close(1011, error.code);
    return;
  }
  context.log.warn(fields, `agent refused: ${error.message}`);
  agent.send({ type: 'refused', error: toErrorBody(error) });
  webSocket.close(1008, error.code);
}

/** Where its agent is connected to another server by now, the machine stays online. */
async function disconnect({ agents, db, log, serverId }: Context, agent: ConnectedAgent): Promise<void> {
  if (!agents.remove(agent)) return;
  log.info({ machine: agent.machineId, job: agent.activeJobId }, 'agent disconnected');
  await db
    .updateTable('machines')
    .set({ onlineUntil: null, lastSeenAt: new Date().toISOString() })
    .where('id', '=', agent.machineId)
    .where('serverId', '=', serverId)
    .execute()
    .catch((thrown: Error) => log.error({ err: thrown }, 'disconnect not recorded'));
}

function requireHello(webSocket: WebSocket): () => void {
  const timer = setTimeout(() => webSocket.terminate(), helloWithinMs);
  webSocket.once('message', () => clearTimeout(timer));
  return () => clearTimeout(timer);
}
