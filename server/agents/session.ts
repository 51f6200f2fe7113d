// What the server does with each message of one connected agent (docs/protocol.md, "Control channel of the agent").
import { type AgentMessage, protocolVersion } from '../../protocol/agent-messages.ts';
import { DeployError, toDeployError } from '../../protocol/errors.ts';
import type { Inventory } from '../../protocol/inventory.ts';
import { approveByPolicy } from '../approvals/approve-machine.ts';
import type { Context } from '../context.ts';
import type { MachineRow } from '../database/schema.ts';
import { transact } from '../database/transact.ts';
import { recordRegistration } from '../disk-checks/record-check.ts';
import { changeJob } from '../jobs/change-job.ts';
import { finishJob } from '../jobs/finish-job.ts';
import { appendJobLog } from '../jobs/job-log.ts';
import { isEnded, type JobLife } from '../jobs/lifecycle.ts';
import { findMachine } from '../machines/read-machines.ts';
import { recordInventory, settleIdentity } from '../machines/register-machine.ts';
import { watchUntilOff } from '../power/see-off.ts';
import { revokeOtherBoots } from '../tokens/boot-tokens.ts';
import { dispatchJob } from './dispatch.ts';
import type { ConnectedAgent } from './registry.ts';
import { renew } from './renew.ts';
import { listServerUrls } from './servers.ts';

type Hello = Extract<AgentMessage, { type: 'hello' }>;
type Done = Extract<AgentMessage, { type: 'done' }>;
type Log = Extract<AgentMessage, { type: 'log' }>;

/** A machine that is told to reboot or power off after its job is given so long to be gone. */
const restAfterJobMs = 20_000;

export class AgentSession {
  readonly #context: Context;
  readonly #agent: ConnectedAgent;
  #greeted = false;
  #wakes = false;

  constructor(context: Context, agent: ConnectedAgent) {
    this.#context = context;
    this.#agent = agent;
  }

  /** @throws DeployError when the agent must be refused; the caller says so and closes. */
  async handle(message: AgentMessage): Promise<void> {
    if (message.type === 'hello') return this.#hello(message);
    if (!this.#greeted) throw new DeployError('invalid-input', 'the first message must be hello');
    switch (message.type) {
      case 'inventory':
        await this.#noteInventory(message.inventory);
        return;
      case 'progress':
        // Nor may what another machine says of a job take the place of what its own one says.
        if (message.jobId === this.#agent.activeJobId) this.#context.progress.take(message);
        return;
      case 'log':
        return this.#log(message);
      case 'done':
        return this.#done(message);
    }
  }

  async #hello(hello: Hello): Promise<void> {
    if (this.#greeted) throw new DeployError('invalid-input', 'a second hello on one connection');
    if (hello.protocol !== protocolVersion) {
      throw new DeployError(
        'protocol-version',
        `the agent speaks protocol ${hello.protocol}, this server ${protocolVersion}`,
        { hint: 'Run deploy-os build with the version of the server, then boot the machine again.' },
      );
    }
    const { db, log, agents } = this.#context;
    const agent = this.#agent;
    const machineId = await settleIdentity(db, agent, hello.inventory);
    if (machineId !== agent.machineId) {
      // Its token is the other machine's now: it comes again at once, as that.
      log.warn({ machine: agent.machineId, is: machineId }, 'agent is of another machine than its boot loader said');
      await this.#context.leases.forget(agent.machineId);
      agent.close('this is another machine');
      return;
    }
    await revokeOtherBoots(db, agent.machineId, agent.bootId);
    await this.#context.leases.forget(agent.machineId);
    this.#wakes = hello.wakes === true;
    const machine = await this.#noteInventory(hello.inventory);
    agent.approved = machine.state === 'approved';
    agent.steps = hello.steps ?? ['capture', 'restore', 'check'];
    const continueJob = hello.activeJob === undefined ? undefined : await this.#resume(hello.activeJob);
    this.#greeted = true;
    await db.updateTable('machines').set({ serverId: this.#context.serverId }).where('id', '=', machine.id).execute();
    agents.add(agent);
    await renew(this.#context, [agent]);
    log.info(
      { machine: machine.id, name: machine.name, state: machine.state, agent: hello.agentVersion, continueJob },
      'agent connected',
    );
    agent.send({
      type: 'welcome',
      machineId: machine.id,
      machineName: machine.name,
      state: machine.state,
      serverTimeMs: Date.now(),
      servers: await listServerUrls(db),
      takesInventory: true,
      ...(continueJob === undefined ? {} : { continueJob }),
    });
    await dispatchJob(this.#context, machine.id);
  }

  async #noteInventory(inventory: Inventory): Promise<MachineRow> {
    const { db } = this.#context;
    const agent = this.#agent;
    await recordInventory(db, agent.machineId, inventory);
    agent.wakesIn = this.#wakes ? inventory.nics.flatMap((nic) => nic.networks ?? []) : [];
    const machine = await this.#readMachine();
    await recordRegistration(db, machine, inventory.disks);
    return machine;
  }

  async #readMachine(): Promise<MachineRow> {
    const { db, config } = this.#context;
    const machine = await findMachine(db, this.#agent.machineId);
    if (machine.state === 'approved') return machine;
    await transact(db, (transaction) => approveByPolicy(transaction, config, machine));
    return findMachine(db, machine.id);
  }

  /** True when the job is still this agent's: then it goes on as if nothing had happened. */
  async #resume({ jobId, leaseId }: { jobId: string; leaseId: string }): Promise<boolean> {
    const { db, log } = this.#context;
    const job = await db.selectFrom('jobs').select(['machineId', 'state']).where('id', '=', jobId).executeTakeFirst();
    if (job?.machineId !== this.#agent.machineId) return false;
    // The answer to its `done` was lost. It will say it again, and then reboot: no time to begin another job.
    if (isEnded(job.state)) this.#agent.restUntilMs = performance.now() + restAfterJobMs;
    try {
      await changeJob(db, jobId, { kind: 'resume', leaseId });
    } catch (thrown) {
      log.warn({ job: jobId, reason: (thrown as Error).message }, 'job not resumed');
      return false;
    }
    await appendJobLog(db, jobId, 'info', 'the agent is back and goes on');
    this.#agent.activeJobId = jobId;
    return true;
  }

  async #log({ jobId, level, message }: Log): Promise<void> {
    const { db, log } = this.#context;
    const fields = { machine: this.#agent.machineId, job: jobId, from: 'agent' };
    log[level === 'warning' ? 'warn' : level](fields, message);
    if (jobId !== undefined && jobId === this.#agent.activeJobId) await appendJobLog(db, jobId, level, message);
  }

  async #done({ jobId, leaseId, results, error }: Done): Promise<void> {
    const { db, log } = this.#context;
    const at = new Date().toISOString();
    try {
      await this.#requireOwnJob(jobId);
      await this.#context.progress.flush(jobId);
      const end = { leaseId, results, error: error ?? null, at };
      const { life, differences } = await finishJob(db, this.#agent.machineId, jobId, end);
      await this.#context.leases.forget(this.#agent.machineId);
      for (const { level, message } of differences) await appendJobLog(db, jobId, level, message);
      await appendJobLog(db, jobId, ...describeEnd(life, error ?? null));
      log.info({ job: jobId, machine: this.#agent.machineId, state: life.state, error: life.error?.code }, 'job ended');
      // One that failed may have left the machine waiting.
      if (life.state === 'succeeded' && (await this.#endActionOf(jobId)) === 'poweroff')
        this.#context.offWatch.begin((signal) =>
          watchUntilOff(this.#context, { id: jobId, machineId: this.#agent.machineId }, signal),
        );
    } catch (thrown) {
      // The agent need not know: what it did is void, and it shall not repeat it.
      const { code, message } = toDeployError(thrown);
      if (code !== 'lease-lost' && code !== 'job-not-found') throw thrown;
      log.warn({ job: jobId, code, message }, 'result ignored');
    }
    this.#agent.send({ type: 'doneReceived', jobId });
    if (this.#agent.activeJobId !== null && this.#agent.activeJobId !== jobId) return;
    this.#agent.activeJobId = null;
    this.#agent.restUntilMs = await this.#restUntil(jobId);
    await dispatchJob(this.#context, this.#agent.machineId);
  }

  async #requireOwnJob(jobId: string): Promise<void> {
    const job = await this.#context.db
      .selectFrom('jobs')
      .select('machineId')
      .where('id', '=', jobId)
      .executeTakeFirst();
    if (job?.machineId !== this.#agent.machineId) throw new DeployError('job-not-found', `no job ${jobId}`);
  }

  async #restUntil(jobId: string): Promise<number> {
    return (await this.#endActionOf(jobId)) === 'wait' ? 0 : performance.now() + restAfterJobMs;
  }

  async #endActionOf(jobId: string): Promise<string | undefined> {
    const { db } = this.#context;
    const job = await db.selectFrom('jobs').select('endAction').where('id', '=', jobId).executeTakeFirst();
    return job?.endAction;
  }
}

function describeEnd(
  { state, error, retries, notBefore }: JobLife,
  reported: Done['error'] | null,
): [level: 'info' | 'warning' | 'error', message: string] {
  if (state === 'queued') {
    return ['warning', `failed: ${reported?.message}; tried again after ${notBefore}, ${retries} retries left`];
  }
  return [state === 'failed' ? 'error' : 'info', error === null ? `job ${state}` : `job ${state}: ${error.message}`];
}
