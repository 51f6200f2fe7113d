// The server from configuration to listener, all in one process: what `deploy-os server` runs and what the tests start.
import { mkdir } from 'node:fs/promises';
import type { AddressInfo, Server } from 'node:net';
import { hostname } from 'node:os';
import type { ChunkStore } from '../imaging/store/chunk-store.ts';
import { openStore } from '../imaging/store/open-store.ts';
import { isS3Location } from '../imaging/store/s3/location.ts';
import { DeployError } from '../protocol/errors.ts';
import { writeAddressFile } from './address-file.ts';
import { openAgentDoor } from './agents/accept.ts';
import { Leases } from './agents/leases.ts';
import { ProgressWriter } from './agents/progress-writer.ts';
import { AgentRegistry } from './agents/registry.ts';
import { announceServer, withdrawServer } from './agents/servers.ts';
import { watchAgents } from './agents/watch.ts';
import { addRoutes, createApp } from './app.ts';
import { writeFirstScript } from './boot/ipxe-script.ts';
import { writeMachineScript } from './boot/machine-script.ts';
import { createPlainServer } from './boot/plain-http.ts';
import { findProfileFile } from './boot-profiles/boot-of.ts';
import { ChunkChecker } from './chunks/check-chunks.ts';
import { DatabaseRoom } from './chunks/database-room.ts';
import { SharedChunks } from './chunks/shared-chunks.ts';
import { formatHostPort, type HostPort, type ServerConfig } from './config.ts';
import type { Context, Services } from './context.ts';
import { openDatabase } from './database/open.ts';
import { startDnsmasq } from './dhcp/start-dnsmasq.ts';
import { countWrongSecrets } from './enrolments/secret-tries.ts';
import { openEventsDoor } from './events/accept.ts';
import { forgetOldChanges } from './events/change-feed.ts';
import { ReadinessProbe } from './health/readiness.ts';
import { watchImageChecks } from './image-checks/watch-image-checks.ts';
import { createOnePort } from './listener/one-port.ts';
import { findEphemeralRange, findPortOwner } from './listener/port-owner.ts';
import { acceptWebSockets } from './listener/web-sockets.ts';
import { watchStrangers } from './machines/forget-strangers.ts';
import { fillFacts } from './machines/machine-facts.ts';
import { countQueries } from './metrics/count-queries.ts';
import { EventLoopDelay } from './metrics/event-loop.ts';
import { Metrics } from './metrics/metrics.ts';
import { observeStore } from './metrics/observe-store.ts';
import { newId } from './new-id.ts';
import { OpenIdProvider } from './openid/provider.ts';
import { readOpenIdConfig } from './openid/read-config.ts';
import { OutgoingAddresses } from './outgoing/addresses.ts';
import { LoginThrottle } from './people/login-throttle.ts';
import { OffWatch } from './power/off-watch.ts';
import { openSecretKey } from './power/secrets.ts';
import { watchPower } from './power/watch-power.ts';
import { watchSchedules } from './schedules/watch-schedules.ts';
import { setSecondPersonRule } from './second-person/rule.ts';
import { shareSecrets } from './shared-secrets.ts';
import { StreamedTasks } from './tasks/streamed-tasks.ts';
import { type Authority, openAuthority } from './tls/authority.ts';
import { openOperatorToken } from './tokens/operator-token.ts';

export type RunningServer = {
  /** `https://ADDRESS:PORT` as a client on this machine reaches it. */
  readonly url: string;
  readonly port: number;
  readonly caFingerprint: string;
  readonly operatorToken: string;
  readonly operatorTokenFile: string;
  readonly operatorTokenIsNew: boolean;
  /** Stops within 10 s; jobs go on with the next start. */
  close(): Promise<void>;
};

const closeGraceMs = 2000;

/** @throws DeployError port-in-use, device-not-found (dnsmasq or its interface), usage, and what opening the store throws. */
export async function startServer(config: ServerConfig): Promise<RunningServer> {
  await using starting = new AsyncDisposableStack();
  await mkdir(config.dataDir, { recursive: true, mode: 0o711 });
  const outgoing = new OutgoingAddresses({ allowed: config.allowedBmcs });
  const openId =
    config.openIdFile === undefined ? null : new OpenIdProvider(await readOpenIdConfig(config.openIdFile), outgoing);
  const metrics = new Metrics();
  const eventLoop = new EventLoopDelay();
  starting.defer(() => eventLoop.close());
  const db = await openDatabase(config.database, countQueries(metrics));
  starting.defer(() => db.destroy());
  const names = listNames(config);
  // A file is the database of one server.
  if (config.database.kind === 'postgres') await shareSecrets(db, config.dataDir, names);
  const authority = await openAuthority(config.dataDir, names);
  const app = createApp(authority, config.logLevel);
  await fillFacts(db);
  await setSecondPersonRule(db, config.secondPerson);
  const operator = await openOperatorToken(db, config.dataDir);
  const secretKey = await openSecretKey(config.dataDir);
  const store = observeStore(await openChunkStore(config.storeLocation), metrics);
  starting.defer(() => store.close());
  const checker = new ChunkChecker();
  starting.defer(() => checker.close());
  const [tasks, agents, leases] = [new StreamedTasks(), new AgentRegistry(), new Leases(db, store)];
  const [wrongSecrets, logins] = [countWrongSecrets(), new LoginThrottle()];
  const progress = new ProgressWriter(db, app.log);
  starting.defer(() => progress.close());
  const services: Services = {};
  const context: Context = {
    config,
    serverId: newId(),
    db,
    store,
    checker,
    databaseRoom: await DatabaseRoom.open(config),
    chunks: new SharedChunks(store),
    tasks,
    authority,
    agents,
    leases,
    progress,
    wrongSecrets,
    logins,
    outgoing,
    openId,
    secretKey,
    offWatch: new OffWatch(),
    metrics,
    eventLoop,
    readiness: new ReadinessProbe(),
    services,
    log: app.log,
  };

  addRoutes(app, context);
  await app.ready();
  const doors = { '/v1/agent': openAgentDoor(context), '/v1/events': openEventsDoor(context) };
  acceptWebSockets(app.server, doors);
  const onePort = createOnePort(app.server, createPlainServer(plainOptions(context, authority)));
  const port = await listen(onePort.server, config.listen);
  outgoing.ownPort = port;
  starting.defer(async () => {
    const closed = onePort.close(closeGraceMs);
    await Promise.all([...Object.values(doors).map((door) => door.close()), tasks.close()]);
    await closed;
  });
  await warnOfEphemeralPort(context, port);
  if (config.dhcp !== undefined) {
    const grubScript = (server: string, query: URLSearchParams, address: string) =>
      writeMachineScript(context, { loader: 'grub', server, query, address });
    const dnsmasq = await startDnsmasq({ ...config, dhcp: config.dhcp, port, log: app.log, grubScript });
    starting.defer(() => dnsmasq.stop());
    services.dnsmasq = dnsmasq;
  }
  const reached = reachableAt(config, port);
  if (reached !== null) services.url = reached;
  await announceServer(context);
  starting.defer(() => withdrawServer(context));
  starting.defer(watchAgents(context));
  starting.defer(forgetOldChanges(context));
  starting.defer(watchStrangers(context));
  starting.defer(watchPower(context));
  starting.defer(() => context.offWatch.close());
  starting.defer(watchSchedules(context));
  starting.defer(watchImageChecks(context));
  const url = `https://${formatHostPort({ address: localAddress(config), port })}`;
  await writeAddressFile(config.dataDir, url);

  const running = starting.move();
  return {
    url,
    port,
    caFingerprint: authority.fingerprint,
    operatorToken: operator.token,
    operatorTokenFile: operator.filePath,
    operatorTokenIsNew: operator.isNew,
    close: () => running.disposeAsync(),
  };
}

/** Agents have patience of their own: they ask again while their server says that the S3 service behind it does not answer. */
const s3RetryForMs = 30_000;

async function openChunkStore(location: string): Promise<ChunkStore> {
  if (!isS3Location(location)) await mkdir(location, { recursive: true, mode: 0o700 });
  return await openStore(location, { create: true, retryForMs: s3RetryForMs });
}

/** What the server's certificate is made out to. Agents believe the CA whatever the name; browsers and other tools look. */
function listNames({ listen, advertise }: ServerConfig): string[] {
  const everywhere = listen.address === '0.0.0.0' || listen.address === '::';
  const names = [advertise?.address ?? 'localhost', everywhere ? 'localhost' : listen.address, hostname()];
  return [...new Set([...names, 'localhost', '127.0.0.1', '::1'])];
}

/** As a machine in the network may be told; null when only `--advertise` could say it. */
function reachableAt({ listen, advertise }: ServerConfig, port: number): string | null {
  if (advertise !== undefined) return `https://${formatHostPort(advertise)}`;
  const everywhere = listen.address === '0.0.0.0' || listen.address === '::';
  return everywhere ? null : `https://${formatHostPort({ address: listen.address, port })}`;
}

function localAddress({ listen }: ServerConfig): string {
  if (listen.address === '0.0.0.0') return '127.0.0.1';
  return listen.address === '::' ? '::1' : listen.address;
}

function plainOptions(context: Context, authority: Authority): Parameters<typeof createPlainServer>[0] {
  return {
    bootDir: context.config.bootDir,
    caPem: authority.caPem,
    log: context.log,
    advertised: (reached: HostPort) => formatHostPort(context.config.advertise ?? reached),
    firstScript: writeFirstScript,
    machineScript: (server, query, address) => writeMachineScript(context, { loader: 'ipxe', server, query, address }),
    profileFile: (id, name) => findProfileFile(context, id, name),
  };
}

function listen(server: Server, { address, port }: HostPort): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      describeListenError(error, { address, port }).then(reject, reject);
    });
    server.listen(port, address, () => resolve((server.address() as AddressInfo).port));
  });
}

async function describeListenError(error: NodeJS.ErrnoException, at: HostPort): Promise<DeployError> {
  const where = formatHostPort(at);
  if (error.code === 'EADDRINUSE') {
    const owner = (await findPortOwner(at.port)) ?? 'a process of another user';
    const hint = 'Stop it, or choose another port: --listen ADDRESS:PORT';
    return new DeployError('port-in-use', `${where} is held by ${owner}`, { cause: error, hint });
  }
  return new DeployError('usage', `listening on ${where}: ${error.message}`, { cause: error });
}

async function warnOfEphemeralPort({ config, log }: Context, port: number): Promise<void> {
  const range = config.listen.port === 0 ? null : await findEphemeralRange(port);
  if (range === null) return;
  log.warn(
    { port, range },
    `port ${port} lies in this system's ephemeral range ${range}: an outgoing connection may hold it when the server starts; choose one outside`,
  );
}
