// Requests to the server's API with the session's cookie; errors in the server's words.

/** What the server said (`docs/errors.md`), or `server-unreachable` when nothing was heard of it. */
export class ApiError extends Error {
  readonly code: string;
  readonly hint: string | undefined;
  readonly status: number;

  constructor(status: number, code: string, message: string, hint?: string) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.code = code;
    this.hint = hint;
  }
}

type Options = {
  readonly body?: unknown;
  /** The operator token, at the first set-up; without it the cookie speaks. */
  readonly token?: string;
  readonly signal?: AbortSignal;
};

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

const listeners = new Set<() => void>();

/** Told when the server does not know the session any more. */
export function onUnauthorized(listener: () => void): void {
  listeners.add(listener);
}

/** @throws ApiError */
export async function request<T>(method: Method, path: string, options: Options = {}): Promise<T> {
  const { body, token, signal } = options;
  const headers = {
    accept: 'application/json',
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
  };
  const response = await fetch(path, {
    method,
    headers,
    cache: 'no-store',
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(signal === undefined ? {} : { signal }),
  }).catch((thrown: Error) => {
    if (thrown.name === 'AbortError') throw thrown;
    throw new ApiError(0, 'server-unreachable', 'the server does not answer');
  });
  if (!response.ok) throw await readError(response, token === undefined);
  return (response.status === 204 ? undefined : await response.json()) as T;
}

/** What an answer that is none says. */
export async function readError(response: Response, bySession: boolean): Promise<ApiError> {
  if (response.status === 401 && bySession) for (const listener of listeners) listener();
  const answer = (await response.json().catch(() => null)) as { error?: Partial<ApiError> } | null;
  const { code = 'server-error', message = `the server answered ${response.status}`, hint } = answer?.error ?? {};
  return new ApiError(response.status, code, message, hint);
}

export const get = <T>(path: string, signal?: AbortSignal): Promise<T> =>
  request<T>('GET', path, signal === undefined ? {} : { signal });
export const post = <T>(path: string, body?: unknown): Promise<T> => request<T>('POST', path, { body });
export const patch = <T>(path: string, body: unknown): Promise<T> => request<T>('PATCH', path, { body });
export const remove = <T = void>(path: string): Promise<T> => request<T>('DELETE', path);

/** Any thrown value as something that can be shown. */
export function toApiError(thrown: unknown): ApiError {
  if (thrown instanceof ApiError) return thrown;
  return new ApiError(0, 'internal', thrown instanceof Error ? thrown.message : String(thrown));
}
