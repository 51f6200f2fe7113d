// One frame of the control channel: msgpack, checked by the schemas of the protocol both on the way out and on the way in.
import { Packr } from 'msgpackr';
import {
  type AgentMessage,
  agentMessageSchema,
  type ServerMessage,
  serverMessageSchema,
} from '../../protocol/agent-messages.ts';
import { DeployError } from '../../protocol/errors.ts';

const packr = new Packr({ useRecords: false, int64AsType: 'number' });

export function encodeFrame(message: AgentMessage): Buffer {
  return packr.pack(agentMessageSchema.parse(message));
}

/** @throws DeployError server-error when it is no message of the protocol. */
export function decodeFrame(frame: Buffer): ServerMessage {
  try {
    return serverMessageSchema.parse(packr.unpack(frame));
  } catch (cause) {
    throw new DeployError('server-error', 'the server sent a frame that is no message of the protocol', { cause });
  }
}
