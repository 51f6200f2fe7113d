// Stage 5: the agent and the chunk worker, each as one JavaScript file, and the native digest module beside them.
import { readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { rolldown } from 'rolldown';
import { DeployError } from '../../protocol/errors.ts';
import { FileTree } from '../file-tree.ts';

const checkoutDir = join(import.meta.dirname, '../..');
const agentFolder = 'usr/lib/deploy-os';

/** Left as imports: the native module goes in as it is; the others are optional, and absent. */
const external = [/^@napi-rs\//, 'bufferutil', 'utf-8-validate', 'msgpackr-extract'];

/** Entry files, absolute; `workerEntry` is the worker thread that the agent starts as `chunk-worker.mjs`. */
export type AgentEntries = { readonly agentEntry: string; readonly workerEntry: string };

/** The package with the native digest module, where it lies on this computer. */
export type DigestModule = { readonly name: string; readonly dir: string };

export async function collectAgent(
  entries: AgentEntries,
  digestModule: DigestModule,
): Promise<{ tree: FileTree; nativeModules: string[] }> {
  const tree = new FileTree();
  tree.addText(`${agentFolder}/agent.mjs`, await bundle(entries.agentEntry));
  tree.addText(`${agentFolder}/chunk-worker.mjs`, await bundle(entries.workerEntry));
  tree.addText(`${agentFolder}/package.json`, '{"type":"module"}\n');
  const nativeModules: string[] = [];
  for (const name of await readdir(digestModule.dir)) {
    if (!name.endsWith('.node') && name !== 'package.json') continue;
    tree.addFile(`${agentFolder}/node_modules/${digestModule.name}/${name}`, join(digestModule.dir, name));
    if (name.endsWith('.node')) nativeModules.push(join(digestModule.dir, name));
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
    // Less to read at every start. Names stay: a stack tells its functions.
    const minify = { compress: true, mangle: false, codegen: { removeWhitespace: true } } as const;
    const { output } = await build.generate({ format: 'esm', codeSplitting: false, minify, comments: false });
    await build.close();
    return output[0].code;
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    throw new DeployError('build-failed', `bundling ${relative(checkoutDir, entry)}: ${reason}`, { cause: thrown });
  }
}
