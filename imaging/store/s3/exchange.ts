// One HTTP request and its answer, with bounds on the answer's length and on the time that it all takes.
import http, { type IncomingHttpHeaders } from 'node:http';
import https from 'node:https';
import { collectBody, sendBody } from '../http-body.ts';

export type Exchange = {
  readonly url: URL;
  readonly method: string;
  readonly headers: { readonly [name: string]: string };
  readonly body: Uint8Array;
  readonly agent: http.Agent;
  /** A longer answer is refused. */
  readonly maxAnswerBytes: number;
  /** A connection on which nothing moves for so long is given up. */
  readonly idleTimeoutMs: number;
  readonly signal?: AbortSignal | undefined;
};

export type S3Answer = { readonly status: number; readonly headers: IncomingHttpHeaders; readonly body: Buffer };

const maxErrorBytes = 64 * 1024;
/** The slowest line that is waited for: beyond it a service that lets one byte drip at a time would hold a caller for ever. */
const leastBytesPerSecond = 16 * 1024;

/** The answer, whatever its status. After a success `body` is no longer in use. @throws DeployError too-large; any other Error when the way failed */
export function exchange(options: Exchange): Promise<S3Answer> {
  const { url, method, headers, body, agent, signal } = options;
  const { promise, resolve, reject } = Promise.withResolvers<S3Answer>();
  const request = (url.protocol === 'https:' ? https : http).request({
    ...{ hostname: url.hostname.replace(/^\[|\]$/g, ''), port: url.port || undefined, path: url.pathname + url.search },
    ...{ agent, method, headers: method === 'PUT' ? { ...headers, 'content-length': body.length } : headers },
    ...(signal === undefined ? {} : { signal }),
  });
  boundTime(request, options);
  request.on('error', reject);
  // The answer's end and the connection's may come in one go: the answer first.
  request.once('close', () => setImmediate(() => reject(new Error('the connection closed'))));
  request.once('response', (response) => {
    receive(request, response, options).then(resolve, (cause: Error) => {
      request.destroy();
      reject(cause);
    });
  });
  sendBody(request, body.length === 0 ? [] : [body]);
  return promise;
}

function boundTime(request: http.ClientRequest, { body, maxAnswerBytes, idleTimeoutMs }: Exchange): void {
  const giveUp = (why: string) => request.destroy(new Error(why));
  request.setTimeout(idleTimeoutMs, () => giveUp(`nothing moved for ${idleTimeoutMs / 1000} s`));
  const totalMs = idleTimeoutMs + ((body.length + maxAnswerBytes) / leastBytesPerSecond) * 1000;
  // Counted from the connection: before, the request may wait for one without any fault of the service.
  request.once('socket', () => {
    const deadline = setTimeout(() => giveUp(`not done within ${Math.ceil(totalMs / 1000)} s`), totalMs);
    request.once('close', () => clearTimeout(deadline));
  });
}

async function receive(
  request: http.ClientRequest,
  response: http.IncomingMessage,
  { method, maxAnswerBytes, idleTimeoutMs }: Exchange,
): Promise<S3Answer> {
  const status = response.statusCode ?? 0;
  const isSuccess = status < 300;
  const body = method === 'HEAD' ? drain(response) : collectBody(response, isSuccess ? maxAnswerBytes : maxErrorBytes);
  const answer = { status, headers: response.headers, body: await body };
  if (request.writableFinished) return answer;
  // A caller frees the request's body after a success, so all of it must be out by then; nobody waits for the rest of a refused one.
  if (isSuccess) await finished(request, idleTimeoutMs);
  else request.destroy();
  return answer;
}

function finished(request: http.ClientRequest, withinMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error('it answered before it had the whole request')), withinMs);
    request.once('close', () => clearTimeout(late));
    request.once('finish', resolve);
  });
}

/** An answer without a body, whatever length it announces. */
function drain(response: http.IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    response.on('error', reject);
    response.on('end', () => resolve(Buffer.alloc(0)));
    response.resume();
  });
}
