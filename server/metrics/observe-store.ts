// The store as everything in the server uses it, with its operations counted.
import type { ChunkStore } from '../../imaging/store/chunk-store.ts';
import { toDeployError } from '../../protocol/errors.ts';
import type { Metrics } from './metrics.ts';

const operations: ReadonlySet<PropertyKey> = new Set<keyof ChunkStore>([
  'findMissing',
  'putChunks',
  'getChunk',
  'flush',
  'putManifest',
  'getManifest',
  'listManifests',
  'deleteManifest',
]);

type Operation = (...given: unknown[]) => Promise<unknown>;

/** Any other method is that of the store itself. */
export function observeStore(store: ChunkStore, metrics: Metrics): ChunkStore {
  const observed = new Map<PropertyKey, Operation>();
  return new Proxy(store, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      const known = observed.get(name);
      if (known !== undefined) return known;
      const bound = value.bind(target) as Operation;
      const operation = operations.has(name) ? observe(String(name), bound, metrics) : bound;
      observed.set(name, operation);
      return operation;
    },
  });
}

function observe(operation: string, work: Operation, metrics: Metrics): Operation {
  return async (...given) => {
    const startMs = performance.now();
    try {
      return await work(...given);
    } catch (thrown) {
      metrics.count('deploy_os_store_errors_total', { operation, code: toDeployError(thrown).code });
      throw thrown;
    } finally {
      metrics.observeSeconds('deploy_os_store_operation_seconds', { operation }, (performance.now() - startMs) / 1000);
    }
  };
}
