// Everything that an operation of the server works with; made once at the start from the configuration.
import type { FastifyBaseLogger } from 'fastify';
import type { ChunkStore } from '../imaging/store/chunk-store.ts';
import type { Leases } from './agents/leases.ts';
import type { ProgressWriter } from './agents/progress-writer.ts';
import type { AgentRegistry } from './agents/registry.ts';
import type { ChunkChecker } from './chunks/check-chunks.ts';
import type { DatabaseRoom } from './chunks/database-room.ts';
import type { SharedChunks } from './chunks/shared-chunks.ts';
import type { ServerConfig } from './config.ts';
import type { Database } from './database/schema.ts';
import type { ReadinessProbe } from './health/readiness.ts';
import type { EventLoopDelay } from './metrics/event-loop.ts';
import type { Metrics } from './metrics/metrics.ts';
import type { OpenIdProvider } from './openid/provider.ts';
import type { OutgoingAddresses } from './outgoing/addresses.ts';
import type { LoginThrottle } from './people/login-throttle.ts';
import type { OffWatch } from './power/off-watch.ts';
import type { SecretKey } from './power/secrets.ts';
import type { StreamedTasks } from './tasks/streamed-tasks.ts';
import type { Authority } from './tls/authority.ts';
import type { WrongTries } from './wrong-tries.ts';

/** What runs beside this process; set once it has been started. */
export type Services = {
  dnsmasq?: { isRunning(): boolean; restarts(): number };
  /** Where agents reach this very server; not there while it does not know. */
  url?: string;
};

export type Context = {
  readonly config: ServerConfig;
  /** Of this very process: another one after each start. */
  readonly serverId: string;
  readonly db: Database;
  readonly store: ChunkStore;
  readonly checker: ChunkChecker;
  readonly databaseRoom: DatabaseRoom;
  readonly chunks: SharedChunks;
  readonly tasks: StreamedTasks;
  readonly authority: Authority;
  readonly logins: LoginThrottle;
  /** Where requests of the server's own may go. */
  readonly outgoing: OutgoingAddresses;
  /** Null without a provider of OpenID Connect. */
  readonly openId: OpenIdProvider | null;
  /** The agents connected to this very server. */
  readonly agents: AgentRegistry;
  readonly leases: Leases;
  readonly progress: ProgressWriter;
  /** Of enrolments' secrets, by address. */
  readonly wrongSecrets: WrongTries;
  /** Seals passwords that are kept in the database. */
  readonly secretKey: SecretKey;
  readonly offWatch: OffWatch;
  readonly metrics: Metrics;
  readonly eventLoop: EventLoopDelay;
  readonly readiness: ReadinessProbe;
  readonly services: Services;
  readonly log: FastifyBaseLogger;
};
