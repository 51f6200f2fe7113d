// What a button does: the server is asked for something, and a toast says what came of it.
import { toApiError } from '../api/client.ts';
import { toasts } from './toasts.svelte.ts';

/** `action` answers what is said when it went well. */
export async function act(action: () => Promise<string>): Promise<void> {
  try {
    toasts.good(await action());
  } catch (thrown) {
    toasts.bad(toApiError(thrown));
  }
}
