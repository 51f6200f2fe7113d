// What a library that speaks by `fetch` is given in its place, so that its requests go out as all others of the server do.
import type { IncomingHttpHeaders } from 'node:http';
import type { OutgoingAddresses } from './addresses.ts';
import { ask } from './ask.ts';

type FetchOptions = {
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body?: ConstructorParameters<typeof Response>[0];
  readonly signal?: AbortSignal | undefined;
};

/** Statuses whose answers have no body (Fetch, "null body status"). */
const withoutBody = new Set([101, 103, 204, 205, 304]);

/** `trustedHost`: whoever started the server has named it; other hosts, which its answers may name, must not be this one. Throws TypeError as `fetch` does. */
export function fetchWithin(addresses: OutgoingAddresses, trustedHost: string) {
  return async (address: string, { method, headers, body, signal }: FetchOptions): Promise<Response> => {
    const url = new URL(address);
    const bytes = body === undefined || body === null ? null : await new Response(body).bytes();
    const trusted = url.hostname === trustedHost;
    const stop = signal ?? new AbortController().signal;
    const answer = await ask({ url, method, headers, body: bytes }, { addresses, trusted }, stop).catch((cause) => {
      if (stop.aborted) throw cause;
      throw new TypeError(`${url.origin}: ${(cause as Error).message}`, { cause });
    });
    const content = withoutBody.has(answer.status) ? null : Uint8Array.from(answer.body);
    return new Response(content, { status: answer.status, headers: listHeaders(answer.headers) });
  };
}

function listHeaders(headers: IncomingHttpHeaders): [string, string][] {
  return Object.entries(headers).flatMap(([name, value]): [string, string][] =>
    value === undefined ? [] : [[name, [value].flat().join(', ')]],
  );
}
