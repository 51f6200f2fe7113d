// A server with images, and agents of machines that ask it for things, for the tests of what agents may.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { captureImage } from '../../../imaging/capture.ts';
import { loadManifest, loadSegment } from '../../../imaging/manifest/load-image.ts';
import type { ChunkStore } from '../../../imaging/store/chunk-store.ts';
import { openHttpStore } from '../../../imaging/store/http-store.ts';
import { fetchPinnedCa } from '../../../imaging/store/pinned-ca.ts';
import type { Job } from '../../../protocol/rest.ts';
import { noise } from '../../fixtures/disks.ts';
import { ScriptedAgent } from '../scripted-agent.ts';
import { errorCode, TestServer } from '../support.ts';

export type Image = { readonly segment: string; readonly chunk: string };

export class AgentScene implements AsyncDisposable {
  readonly server: TestServer;
  readonly store: ChunkStore;

  private constructor(server: TestServer, store: ChunkStore) {
    this.server = server;
    this.store = store;
  }

  static async open(): Promise<AgentScene> {
    const server = await TestServer.start({ approve: 'all' });
    const { url, caFingerprint } = server.running;
    const { ca } = await fetchPinnedCa(url, caFingerprint);
    return new AgentScene(server, await openHttpStore({ url, ca, headers: server.operator, retryForMs: 1000 }));
  }

  async image(name: string): Promise<Image> {
    const sourcePath = path.join(this.server.dataDir, `${name}.img`);
    await writeFile(sourcePath, noise(3 * 2 ** 20, name));
    await captureImage({ sourcePath, imageName: name, store: this.store, workers: 1 });
    const manifest = await loadManifest(this.store, name);
    const [slot] = [...(await loadSegment(this.store, manifest, 0))];
    return { segment: manifest.segments[0] ?? '', chunk: slot?.digest ?? '' };
  }

  async agent(uuid: string, mac: string): Promise<ScriptedAgent> {
    const token = await this.server.bootToken(uuid, mac);
    const agent = await ScriptedAgent.join({ port: this.server.running.port, token, uuid });
    await agent.next('welcome');
    return agent;
  }

  /** A job of these steps on the machine that has that UUID; on its way to the agent. */
  async job(uuid: string, ...steps: object[]): Promise<Job> {
    const name = `job ${Math.random()}`;
    await this.server.api('POST', '/v1/scenarios', { name, steps, end: 'wait' });
    const machine = (await this.server.machines()).find(({ inventory }) => inventory?.smbios.uuid === uuid);
    return this.server.api('POST', '/v1/jobs', { scenario: name, machine: machine?.id });
  }

  /** The code of the answer's error, or its status. */
  async ask(agent: ScriptedAgent, method: string, target: string, body?: string | Buffer): Promise<string | number> {
    const json = target.endsWith('missing') ? { 'content-type': 'application/json' } : {};
    const options = { method, headers: { ...agent.headers, ...json }, ...(body === undefined ? {} : { body }) };
    const answer = await this.server.tls(target, options);
    return answer.status < 400 ? answer.status : errorCode(answer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.store.close();
    await this.server[Symbol.asyncDispose]();
  }
}

export const restore = (image: string, more = {}) => ({ kind: 'restore', image, target: { by: 'only' }, ...more });
export const capture = (image: string) => ({ kind: 'capture', image, source: { by: 'only' } });
