// Fourth stage and what follows from it: registers, takes jobs, reports on them and carries out their end, whatever the connection does.
import { type AgentMessage, protocolVersion, type ServerMessage } from '../protocol/agent-messages.ts';
import { type DeployError, toErrorBody } from '../protocol/errors.ts';
import type { Inventory } from '../protocol/inventory.ts';
import { type EndAction, stepKinds } from '../protocol/scenario.ts';
import { ControlChannel } from './4-register/control-channel.ts';
import { LogQueue } from './4-register/log-queue.ts';
import { Servers } from './4-register/servers.ts';
import { wakeNeighbour } from './4-register/wake-neighbour.ts';
import { ActiveJob } from './5-job/active-job.ts';
import { fitResults } from './5-job/fit-results.ts';
import type { Job, JobOutcome } from './5-job/run-job.ts';
import { refuseKexec } from './6-end/load-kernel.ts';
import { type AgentContext, agentHeaders, type MachineEnd, type ServerConnection } from './context.ts';
import type { Say, Words } from './screen/words/words.ts';

const agentVersion = '0.1.0';

type Done = Extract<AgentMessage, { type: 'done' }>;

export class Session {
  readonly #context: AgentContext;
  readonly #servers: Servers;
  /** Of the running job's transfers: the server is reached another way, or is another one. */
  readonly #moves = new Set<() => void>();
  #connectedTo: string;
  #serverTakesInventory = false;
  readonly #channel: ControlChannel;
  readonly #logs = new LogQueue();
  readonly #ended = Promise.withResolvers<void>();
  #active: ActiveJob | undefined;
  /** What the server has not acknowledged yet, and what to do when it has. */
  #unreceived: { done: Done; end: Job['end'] } | undefined;
  /** A job that came while another was being stopped. */
  #next: Job | undefined;

  constructor(context: AgentContext, server: ServerConnection) {
    this.#context = context;
    this.#servers = new Servers(server);
    this.#connectedTo = server.url;
    context.status.listeners.log.add((line) => {
      this.#logs.add({
        type: 'log',
        ...line,
        ...(this.#active === undefined ? {} : { jobId: this.#active.job.jobId }),
      });
      this.#logs.sendTo(this.#channel);
    });
    this.#channel = new ControlChannel({
      servers: this.#servers,
      headers: agentHeaders(context),
      hello: () => this.#hello(),
      onMessage: (message) => this.#receive(message),
      onDown: (reason) => this.#down(reason),
    });
    context.watchHardware?.(() => this.#tellInventory());
    context.moveListeners?.add(() => {
      this.#dropTransfers();
      this.#channel.reconnect();
    });
  }

  /** Resolves when a job's end has told the machine to reboot or power off. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /** Ends the connection for good, without a word to the server. */
  close(): void {
    this.#channel.close();
  }

  async #hello(): Promise<AgentMessage> {
    const inventory = await this.#takeInventory();
    const activeJob = this.#active?.lease ?? this.#unreceived?.done;
    return {
      type: 'hello',
      protocol: protocolVersion,
      agentVersion,
      inventory,
      steps: [...stepKinds],
      wakes: true,
      ...(activeJob === undefined ? {} : { activeJob: { jobId: activeJob.jobId, leaseId: activeJob.leaseId } }),
    };
  }

  async #takeInventory(): Promise<Inventory> {
    const inventory = await this.#context.collectInventory();
    this.#context.status.update({ nics: inventory.nics, disks: inventory.disks });
    return inventory;
  }

  /** Not in the middle of a job, which changes what there is to tell and tells it at its end. A connection that is lost says it with its next hello. */
  async #tellInventory(): Promise<void> {
    if (!this.#isIdle || !this.#serverTakesInventory) return;
    const inventory = await this.#takeInventory();
    if (this.#isIdle) this.#channel.send({ type: 'inventory', inventory });
  }

  get #isIdle(): boolean {
    return this.#active === undefined && this.#unreceived === undefined;
  }

  #receive(message: ServerMessage): void {
    const { status } = this.#context;
    if (message.type === 'welcome') this.#welcomed(message);
    if (message.type === 'state') this.#changed(message);
    if (message.type === 'job') this.#handed(message);
    if (message.type === 'cancel' && this.#active?.job.jobId === message.jobId) this.#active.cancel();
    if (message.type === 'pause' && this.#active?.job.jobId === message.jobId)
      this.#setPaused(this.#active, message.paused);
    if (message.type === 'wake') void wakeNeighbour(message, (level, text) => status.log(level, text));
    if (message.type === 'doneReceived') this.#acknowledged(message.jobId);
    if (message.type === 'refused') status.update({ stage: ({ stage }) => stage.refused(message.error.message) });
  }

  #dropTransfers(): void {
    for (const drop of this.#moves) drop();
  }

  #welcomed(message: Extract<ServerMessage, { type: 'welcome' }>): void {
    const { machineName, state, continueJob, servers = [], takesInventory = false } = message;
    this.#serverTakesInventory = takesInventory;
    const { url } = this.#servers;
    this.#servers.learn(servers);
    if (url !== this.#connectedTo) {
      this.#context.status.log('warning', `${this.#connectedTo} does not answer: connected to ${url} now`);
      this.#connectedTo = url;
      this.#dropTransfers();
    }
    this.#context.status.update({
      connected: true,
      serverUrl: url,
      machineName,
      machineState: state,
      waitingFor: [],
      stage: this.#stage(state),
    });
    if (continueJob === false) this.#active?.abandon();
    this.#sendDone();
    this.#logs.sendTo(this.#channel);
  }

  #changed({ state, machineName }: Extract<ServerMessage, { type: 'state' }>): void {
    const name = machineName === undefined ? {} : { machineName };
    this.#context.status.update({ ...name, machineState: state, stage: this.#stage(state) });
  }

  #stage(state: 'pending' | 'approved'): Say {
    if (this.#active !== undefined) return this.#context.status.model.stage;
    if (this.#unreceived !== undefined) return (words) => words.stage.awaitsReceipt;
    return ({ stage }) => (state === 'pending' ? stage.awaitsApproval : stage.ready);
  }

  #handed(job: Job): void {
    if (this.#unreceived?.done.jobId === job.jobId) {
      // It ran to its end already, and the server has not heard of it.
      this.#unreceived.done = { ...this.#unreceived.done, leaseId: job.leaseId };
      this.#sendDone();
    } else if (this.#active?.job.jobId === job.jobId && !this.#active.abandoned) {
      this.#active.lease = { jobId: job.jobId, leaseId: job.leaseId };
    } else if (this.#active !== undefined) {
      this.#next = job;
    } else {
      void this.#run(job);
    }
  }

  #setPaused(active: ActiveJob, paused: boolean): void {
    if (!active.setPaused(paused)) return;
    const { status } = this.#context;
    const { scenarioName } = active.job;
    status.log('info', paused ? 'paused between two chunks; the machine waits' : 'the job goes on');
    status.update({ stage: ({ stage }) => (paused ? stage.paused(scenarioName) : stage.running(scenarioName)) });
  }

  async #run(job: Job): Promise<void> {
    const { status } = this.#context;
    this.#active = new ActiveJob(job, {
      context: this.#context,
      servers: this.#servers,
      moveListeners: this.#moves,
      send: (message) => this.#channel.send(message),
    });
    status.update({ busy: true, stage: ({ stage }) => stage.running(job.scenarioName) });
    const outcome = await this.#active.run();
    const { abandoned, lease } = this.#active;
    if (!abandoned) {
      if (outcome.error !== null)
        status.log(
          'error',
          outcome.error.hint === undefined ? outcome.error.message : `${outcome.error.message} (${outcome.error.hint})`,
        );
      const error = outcome.error === null ? {} : { error: clipped(outcome.error) };
      // A machine with a half-written disk stays here, where the next job reaches it.
      this.#unreceived = {
        done: { type: 'done', ...lease, results: fitResults(outcome.results), ...error },
        end: outcome.diskHalfWritten ? 'wait' : await this.#endOf(job, outcome),
      };
    }
    this.#active = undefined;
    status.update({
      job: null,
      busy: this.#unreceived !== undefined,
      stage: ({ stage }) => outcomeWords(stage, job.scenarioName, { abandoned, ...outcome }),
    });
    this.#sendDone();
    this.#startNext();
  }

  #sendDone(): void {
    if (this.#unreceived !== undefined) this.#channel.send(this.#unreceived.done);
  }

  #acknowledged(jobId: string): void {
    if (this.#unreceived?.done.jobId !== jobId) return;
    const { end } = this.#unreceived;
    this.#unreceived = undefined;
    if (end !== 'wait') return void this.#end(end);
    this.#context.status.update({ busy: false });
    this.#startNext();
    void this.#tellInventory();
  }

  #startNext(): void {
    const job = this.#next;
    if (job === undefined || !this.#isIdle) return;
    this.#next = undefined;
    void this.#run(job);
  }

  /** While the job is still this agent's: why there is no kexec stands in its log. */
  async #endOf(job: Job, { error, results }: JobOutcome): Promise<EndAction> {
    if (job.end !== 'kexec') return job.end;
    const restored = results.find(({ kind }) => kind === 'restore')?.disk;
    if (error !== null || restored === undefined || this.#context.loadKernel === undefined) {
      const why = error === null ? 'no disk was restored' : 'the job failed';
      refuseKexec(why, (level, message) => this.#context.status.log(level, message));
      return 'reboot';
    }
    return (await this.#context.loadKernel(restored.devicePath)) ? 'kexec' : 'reboot';
  }

  async #end(action: MachineEnd): Promise<void> {
    this.#context.status.update({ stage: ({ stage }) => stage[action] });
    this.close();
    await this.#context.endMachine(action);
    this.#ended.resolve();
  }

  #down(reason: DeployError): void {
    const { status } = this.#context;
    // Said once for each outage; every further attempt only changes the page.
    if (status.model.connected) status.log('warning', `connection to the server lost: ${reason.message}`);
    status.update({ connected: false, waitingFor: [({ wait }) => wait.server(reason.message)] });
  }
}

type Outcome = { readonly abandoned: boolean; readonly error: DeployError | null };

function outcomeWords(stage: Words['stage'], scenario: string, { abandoned, error }: Outcome): string {
  if (abandoned) return stage.stopped(scenario);
  return error === null ? stage.succeeded(scenario) : stage.failed(scenario, error.code);
}

/** Within what the protocol's schema allows. */
function clipped(error: DeployError): { code: string; message: string; hint?: string } {
  const { code, message, hint } = toErrorBody(error);
  return { code, message: message.slice(0, 8192), ...(hint === undefined ? {} : { hint: hint.slice(0, 8192) }) };
}
