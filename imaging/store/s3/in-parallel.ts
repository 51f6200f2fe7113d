// Many requests to a bucket at once, with a bound.
import { BoundedTasks } from '../../chunk/bounded-tasks.ts';

/** Connections, and so requests, at once: what saturates a LAN with chunks of 1 MiB; more only lengthens the service's queue. */
export const requestsAtOnce = 16;

/** The results in order. When it returns or throws, no request is under way any more. */
export async function inParallel<Item, Result>(
  items: readonly Item[],
  signal: AbortSignal | undefined,
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  const tasks = new BoundedTasks(requestsAtOnce, signal);
  try {
    for (const [index, item] of items.entries()) {
      await tasks.start(async () => {
        results[index] = await work(item);
      });
    }
  } finally {
    await tasks.finish();
  }
  return results;
}
