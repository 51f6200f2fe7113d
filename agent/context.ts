// What the stages share. main.ts makes it for the Deploy-OS; whoever runs the agent elsewhere makes another one.
import type { Disk } from '../imaging/blockdev/disk.ts';
import type { Inventory } from '../protocol/inventory.ts';
import type { EndAction } from '../protocol/scenario.ts';
import type { Status } from './screen/status.ts';

/** A server that has proved to be the expected one. */
export type ServerConnection = {
  /** `https://HOST:PORT` */
  readonly url: string;
  /** Its CA certificate, PEM: the only one trusted. */
  readonly ca: string;
};

export type MachineEnd = Exclude<EndAction, 'wait'>;

export type AgentContext = {
  /** Known once the server has been reached. */
  readonly token: string;
  /** The kernel's id of this boot; the server binds the token to it. */
  readonly bootId: string;
  readonly status: Status;
  /** How often progress is reported and the status page redrawn. */
  readonly progressMs: number;
  /** How long a job's data transfers outlast a server that does not answer. */
  readonly outageMs: number;
  /** How long a job waits for a disk that is not there yet: a LUN or a USB disk may come up later than the machine. */
  readonly lateDiskMs: number;
  /** Threads and connections of a job, by the machine's memory. */
  readonly workers: number;
  /** Called when the server is reached by another NIC than before: what hangs on connections opens new ones. */
  readonly moveListeners?: Set<() => void>;
  readonly reachServer: () => Promise<ServerConnection>;
  readonly listDisks: () => Promise<Disk[]>;
  readonly collectInventory: () => Promise<Inventory>;
  /** Loads the Linux that has been restored onto this disk; false where the machine has to reboot instead, which it has said. */
  readonly loadKernel?: (devicePath: string) => Promise<boolean>;
  /** Has the function called whenever disks, NICs or links have come or gone. */
  readonly watchHardware?: (onChange: () => Promise<void>) => void;
  readonly endMachine: (action: MachineEnd) => Promise<void>;
};

/** The headers that name this agent (docs/protocol.md, "Who is asking"). */
export function agentHeaders({ token, bootId }: Pick<AgentContext, 'token' | 'bootId'>): Record<string, string> {
  return { authorization: `Bearer ${token}`, 'deploy-boot-id': bootId };
}
