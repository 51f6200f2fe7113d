// Requests that read a store from end to end, or send a medium, are few at a time: nobody, and not all together, keeps the server from its machines.
import type { ServerResponse } from 'node:http';
import { DeployError } from '../protocol/errors.ts';

const maxOfOne = 8;
const maxOfAll = 32;

export class CostlyRequests {
  readonly #running = new Map<string, number>();
  #all = 0;

  /** Counts the request until its answer is out or its connection gone. @throws DeployError too-many-requests */
  admit(caller: string, response: Pick<ServerResponse, 'once'>): void {
    const own = this.#running.get(caller) ?? 0;
    if (own >= maxOfOne || this.#all >= maxOfAll) {
      const whose = own >= maxOfOne ? `${own} of yours` : `${this.#all} of everybody`;
      throw new DeployError('too-many-requests', `${whose} are running already; wait until one has ended`);
    }
    this.#running.set(caller, own + 1);
    this.#all++;
    response.once('close', () => {
      this.#all--;
      const left = (this.#running.get(caller) ?? 1) - 1;
      if (left === 0) this.#running.delete(caller);
      else this.#running.set(caller, left);
    });
  }
}
