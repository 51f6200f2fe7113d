// Long work of the server whose answer comes line by line (docs/protocol.md, "Tasks").
import { ApiError } from './client.ts';

type Line<T> = {
  progress?: { bytesDone: number; bytesTotal: number };
  result?: T;
  error?: { code: string; message: string; hint?: string };
};

/** @throws ApiError the server's, or `server-unreachable` when the answer breaks off; DOMException AbortError when it was stopped */
export async function runTask<T>(
  path: string,
  body: object,
  onShare: (share: number | null) => void,
  signal: AbortSignal,
): Promise<T> {
  const response = await fetch(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal,
  });
  if (!response.ok || response.body === null) {
    const { error } = (await response.json().catch(() => ({}))) as Line<T>;
    throw new ApiError(
      response.status,
      error?.code ?? 'server-error',
      error?.message ?? `the server answered ${response.status}`,
      error?.hint,
    );
  }
  for await (const line of readLines(response.body)) {
    const { progress, result, error } = JSON.parse(line) as Line<T>;
    if (error !== undefined) throw new ApiError(500, error.code, error.message, error.hint);
    if (result !== undefined) return result;
    if (progress !== undefined) onShare(progress.bytesTotal > 0 ? progress.bytesDone / progress.bytesTotal : null);
  }
  throw new ApiError(0, 'server-unreachable', 'the answer broke off');
}

async function* readLines(body: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string> {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    const lines = (rest + (value ?? '')).split('\n');
    rest = done ? '' : (lines.pop() ?? '');
    yield* lines.filter((line) => line !== '');
    if (done) return;
  }
}
