// Stage 5: the agent and the chunk worker, each as one JavaScript file, and the native digest module beside them.
import { readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { rolldown } from 'rolldown';
import { DeployError } from '../../protocol/errors.ts';
import { FileTree } from '../file-tree.ts';
import { findPackageDir } from '../find-package-dir.ts';

const checkoutDir = join(import.meta.dirname, '../..');
const agentFolder = 'usr/lib/deploy-os';
const nativeModule = '@napi-rs/blake-hash-linux-x64-gnu';

/** Left as imports: the native module goes in as it is; the others are optional, and absent. */
const external = [/^@napi-rs\//, 'bufferutil', 'utf-8-validate', 'msgpackr-extract'];

/** Entry files, absolute; `workerEntry` is the worker thread that the agent starts as `chunk-worker.mjs`. */
export type AgentEntries = { readonly agentEntry: string; readonly workerEntry: string };

export async function collectAgent(entries: AgentEntries): Promise<{ tree: FileTree; nativeModules: string[] }> {
  const tree = new FileTree();
  tree.addText(`${agentFolder}/agent.mjs`, await bundle(entries.agentEntry));
  tree.addText(`${agentFolder}/chunk-worker.mjs`, await bundle(entries.workerEntry));
  tree.addText(`${agentFolder}/package.json`, '{"type":"module"}\n');
  const nativeDir = findPackageDir(nativeModule);
  const nativeModules: string[] = [];
  for (const name of await readdir(nativeDir)) {
    if (!name.endsWith('.node') && name !== 'package.json') continue;
    tree.addFile(`${agentFolder}/node_modules/${nativeModule}/${name}`, join(nativeDir, name));
    if (name.endsWith('.node')) nativeModules.push(join(nativeDir, name));
  }
  return { tree, nativeModules };
}

async function bundle(entry: string): Promise<string> {
  try {
    const build = await rolldown({
      input: entry,
      cwd: checkoutDir,
      platform: 'node',
      external,
      logLevel: 'silent',
    });
    const { output } = await build.generate({ format: 'esm', codeSplitting: false, minify: false, comments: false });
    await build.close();
    return output[0].code;
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    throw new DeployError('build-failed', `bundling ${relative(checkoutDir, entry)}: ${reason}`, { cause: thrown });
  }
}
