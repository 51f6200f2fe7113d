// The control channel: one WebSocket from the agent to the server (`/v1/agent`), msgpack frames, each parsed with these schemas.
import { z } from 'zod';
import { approvalSchema } from './approval.ts';
import { checkedDisksSchema } from './disk-check.ts';
import { inventorySchema } from './inventory.ts';
import { endActionSchema, stepKinds, stepSchema } from './scenario.ts';
import { stepNoteSchema } from './step-notes.ts';

/** 2: steps have more keys, which an agent of version 1 would leave out of account. */
export const protocolVersion = 2;

/** A frame larger than this ends the connection. */
export const maxFrameBytes = 4 * 1024 * 1024;

/** The request headers that name an agent, on the WebSocket and on every data request. */
export const bootIdHeader = 'deploy-boot-id';

const id = z.string().min(1).max(64);
const count = z.number().nonnegative();

const errorBodySchema = z.object({
  code: z.string().max(64),
  message: z.string().max(8192),
  hint: z.string().max(8192).optional(),
});

/** The phases of imaging/progress.ts, and `prepare` for what comes before the first of them. */
const phaseSchema = z.string().max(32);

export const findingSchema = z.object({
  code: z.string().max(64),
  severity: z.enum(['info', 'warning', 'refusal']),
  partition: z.number().int().nonnegative().nullable(),
  message: z.string().max(8192),
  advice: z.string().max(8192),
});

/** What a step that ended well says: figures in bytes and seconds by name, and what a `check` found. */
export const stepResultSchema = z.object({
  kind: z.enum(stepKinds),
  /** What was done and how that is known, in one line. */
  summary: z.string().max(1024).exactOptional(),
  /** The same as codes with values; older agents have none. */
  notes: z.array(stepNoteSchema).max(16).exactOptional(),
  figures: z.record(z.string().max(64), z.number()),
  secondsByPhase: z.record(z.string().max(32), z.number()),
  warnings: z.array(z.string().max(8192)).max(1000),
  /** What a preflight found before the first byte (docs/preflight.md). */
  findings: z.array(findingSchema).max(100).optional(),
  /** The disk that was read or written, as it was found, for the record. */
  disk: z.object({ id: z.string().max(512), devicePath: z.string().max(512), label: z.string().max(1024) }).optional(),
  /** The image that was made or written; its root digest stands for every byte of it (docs/format.md). */
  image: z
    .object({ id: z.string().max(64), name: z.string().max(255), rootDigest: z.string().max(64) })
    .exactOptional(),
  /** Of a `check`: every disk. The server keeps it with the machine (disk-check.ts), not with the job. */
  disks: checkedDisksSchema.exactOptional(),
});
export type StepResult = z.infer<typeof stepResultSchema>;

const helloMessage = z.object({
  type: z.literal('hello'),
  protocol: z.number().int(),
  agentVersion: z.string().max(64),
  inventory: inventorySchema,
  /** The kinds of steps that it knows; older agents do not say. */
  steps: z.array(z.string().max(32)).max(32).optional(),
  /** It takes `wake`, which older agents do not. */
  wakes: z.boolean().optional(),
  /** The job this agent is still running (after a lost connection), so that the server lets it go on. */
  activeJob: z.object({ jobId: id, leaseId: id }).optional(),
});
/** What the machine has changed while it waits: a disk or a link came or went, or a job has left a disk with other contents. */
const inventoryMessage = z.object({ type: z.literal('inventory'), inventory: inventorySchema });
const progressMessage = z.object({
  type: z.literal('progress'),
  jobId: id,
  leaseId: id,
  step: z.number().int().nonnegative(),
  phase: phaseSchema,
  bytesDone: count,
  bytesTotal: count,
  bytesTransferred: count,
  bytesPerSecond: count,
});
const logMessage = z.object({
  type: z.literal('log'),
  jobId: id.optional(),
  level: z.enum(['info', 'warning', 'error']),
  message: z.string().max(8192),
});
const doneMessage = z.object({
  type: z.literal('done'),
  jobId: id,
  leaseId: id,
  results: z.array(stepResultSchema).max(512),
  /** Why the job failed; absent when every step ended well. */
  error: errorBodySchema.optional(),
});

/** From the agent. `progress` renews the lease; `done` is sent again after each reconnection until `doneReceived` answers it. */
export const agentMessageSchema = z.discriminatedUnion('type', [
  helloMessage,
  inventoryMessage,
  progressMessage,
  logMessage,
  doneMessage,
]);
export type AgentMessage = z.infer<typeof agentMessageSchema>;

const welcomeMessage = z.object({
  type: z.literal('welcome'),
  machineId: id,
  machineName: z.string().max(255),
  state: z.enum(['pending', 'approved']),
  /** Milliseconds since 1970 by the server's clock. */
  serverTimeMs: z.number(),
  /** Where the servers on one database are: the agent goes to another one when its own is gone. All have one CA. */
  servers: z
    .array(z.url({ protocol: /^https$/ }).max(512))
    .max(16)
    .exactOptional(),
  /** The server takes `inventory`, which older ones do not. */
  takesInventory: z.boolean().optional(),
  /** True: go on with `activeJob`. False: it is not yours any more; stop it. Absent when the hello named none. */
  continueJob: z.boolean().optional(),
});
const jobMessage = z.object({
  type: z.literal('job'),
  jobId: id,
  leaseId: id,
  /** What a restore saves of its disk is stored as this machine's; older servers do not say. */
  machineId: id.exactOptional(),
  scenarioName: z.string().max(255),
  steps: z.array(stepSchema).min(1).max(512),
  end: endActionSchema,
  approval: approvalSchema.exactOptional(),
  /** Without it the agent runs no script. */
  scripts: z
    .object({ machineName: z.string().max(255), parameters: z.record(z.string().max(32), z.string().max(255)) })
    .exactOptional(),
});
const stateMessage = z.object({
  type: z.literal('state'),
  state: z.enum(['pending', 'approved']),
  /** Where it has got another one. */
  machineName: z.string().max(255).exactOptional(),
});
const cancelMessage = z.object({ type: z.literal('cancel'), jobId: id });
/** Stop between two chunks and keep the place, or go on. */
const pauseMessage = z.object({ type: z.literal('pause'), jobId: id, paused: z.boolean() });
const doneReceivedMessage = z.object({ type: z.literal('doneReceived'), jobId: id });
/** Another machine in this one's network is to be woken: a magic packet for each MAC address, with the SecureOn password if there is one. */
const mac = z.string().regex(/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/);
const wakeMessage = z.object({
  type: z.literal('wake'),
  macs: z.array(mac).min(1).max(16),
  port: z.number().int().min(1).max(65_535),
  password: mac.optional(),
});
const refusedMessage = z.object({ type: z.literal('refused'), error: errorBodySchema });

/** To the agent. `job` hands out a lease: it lapses when no progress arrives for `leaseSeconds` and the agent is not connected. */
export const serverMessageSchema = z.discriminatedUnion('type', [
  welcomeMessage,
  jobMessage,
  stateMessage,
  cancelMessage,
  pauseMessage,
  doneReceivedMessage,
  wakeMessage,
  refusedMessage,
]);
export type ServerMessage = z.infer<typeof serverMessageSchema>;
