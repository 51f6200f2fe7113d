// The HTTPS side: fastify with the route table, who may call what, and errors in the words of the catalogue.
import { createServer, type Server } from 'node:https';
import Fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify';
import { prettifyError, ZodError } from 'zod';
import { collectBody } from '../imaging/store/http-body.ts';
import { DeployError, errorCatalogue, toDeployError, toErrorBody } from '../protocol/errors.ts';
import { audited } from './audited.ts';
import { BodyBudget } from './body-budget.ts';
import { browserHeaders, refuseForeignPage } from './browser-rules.ts';
import { type Caller, identifyCaller } from './callers.ts';
import type { LogLevel } from './config.ts';
import { createConsole, isConsolePath } from './console/serve-console.ts';
import type { Context } from './context.ts';
import { CostlyRequests } from './costly-requests.ts';
import { databaseError, isUnstorableText } from './database/connection-loss.ts';
import { hasOneMeaning } from './listener/plain-meaning.ts';
import { countAnswer } from './metrics/count-answers.ts';
import { newId } from './new-id.ts';
import { requireOnPath } from './people/machine-access.ts';
import type { Route } from './route.ts';
import { routes } from './routes.ts';
import type { Authority } from './tls/authority.ts';

export type App = FastifyInstance<Server>;

const maxJsonBytes = 8 * 1024 * 1024;
/** A name of 255 characters, each of up to four bytes, percent-encoded. */
const maxParameterLength = 255 * 4 * 3;
/** Of uploads: see body-budget.ts. */
const bodyBounds = { quickBytes: 64 * 1024 * 1024, quickWithinMs: 2000, totalBytes: 512 * 1024 * 1024 };
const slowlorisBounds = { headersTimeout: 15_000, requestTimeout: 300_000, keepAliveTimeout: 75_000 };

/** The server object and its logger; it listens on nothing by itself (see listener/one-port.ts). */
export function createApp(authority: Authority, logLevel: LogLevel): App {
  return Fastify({
    logger: logLevel === 'silent' ? false : { level: logLevel, stream: process.stderr },
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'request' }),
    routerOptions: { maxParamLength: maxParameterLength },
    bodyLimit: maxJsonBytes,
    // Never the same twice, so that it can be found in the log of any day.
    genReqId: () => newId(),
    // An address that is none comes to no route and no hook.
    frameworkErrors: (error, request, reply) => void answerError(error, request, reply.headers(browserHeaders)),
    serverFactory: (handler) =>
      createServer(
        {
          key: authority.serverKeyPem,
          cert: authority.serverPem,
          minVersion: 'TLSv1.2',
          handshakeTimeout: 15_000,
          maxHeaderSize: 16 * 1024,
          ...slowlorisBounds,
        },
        handler,
      ),
  });
}

export function addRoutes(app: App, context: Context): void {
  const budget = new BodyBudget(bodyBounds);
  const known: Known = { callers: new WeakMap(), costly: new CostlyRequests() };
  app.addHook('onRequest', async (request, reply) => {
    reply.headers(browserHeaders);
    if (!hasOneMeaning(request.raw)) {
      reply.header('connection', 'close');
      throw new DeployError('usage', 'the request names another server, or two');
    }
    refuseForeignPage(request.method, request.headers);
  });
  acceptEmptyJson(app);
  for (const route of routes.filter((candidate) => candidate.maxBodyBytes === undefined)) {
    addRoute(app, context, known, route);
  }
  app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', (request: FastifyRequest) => takeBytes(request));
    scope.addHook('preParsing', (request, reply, _payload, done) => budget.admit(request.raw, reply.raw, done));
    for (const route of routes.filter((candidate) => candidate.maxBodyBytes !== undefined)) {
      addRoute(scope as App, context, known, route);
    }
  });
  app.setErrorHandler(answerError);
  const answerConsole = createConsole();
  app.setNotFoundHandler((request, reply) => {
    if (isConsolePath(request)) return answerConsole(request, reply);
    const message = `no route ${request.method} ${request.url.split('?', 1)[0]}`;
    return reply.code(404).send({ error: { code: 'usage', message } });
  });
  app.addHook('onResponse', async (request, reply) => {
    countAnswer(context.metrics, request, reply);
    logResponse(request, reply);
  });
}

/** Of the requests under way. */
type Known = { readonly callers: WeakMap<FastifyRequest, Caller>; readonly costly: CostlyRequests };

function addRoute(app: App, context: Context, { callers, costly }: Known, route: Route): void {
  app.route({
    method: route.method,
    url: route.path,
    ...(route.maxBodyBytes === undefined ? {} : { bodyLimit: route.maxBodyBytes }),
    // Before the body is read: nobody unknown makes the server take in megabytes.
    onRequest: async (request, reply) => {
      if (route.access === 'public') return;
      const caller = await identifyCaller(context, request, route);
      callers.set(request, caller);
      if (route.costly === true) costly.admit(caller.kind === 'person' ? caller.name : request.ip, reply.raw);
    },
    handler: async (request, reply) => {
      const caller = callers.get(request) ?? { kind: 'public' };
      const answer = await audited(context, route, request, caller, async () => {
        await requireOnPath(context.db, route, request, caller);
        return route.handle(context, request, caller, reply);
      });
      return answer === undefined ? reply.code(204).send() : answer;
    },
  });
}

/** @throws DeployError too-large; invalid-input when it does not come to its end */
async function takeBytes({ raw, routeOptions }: FastifyRequest): Promise<Buffer> {
  try {
    return await collectBody(raw, routeOptions.bodyLimit ?? 0, 'the body');
  } catch (thrown) {
    throw toDeployError(thrown, 'invalid-input');
  }
}

/** `POST …/cancel` and the like have no body; some clients still say that it is JSON. */
function acceptEmptyJson(app: App): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  // A page of any site can send text, and none can send JSON without being asked first.
  app.removeContentTypeParser(['application/json', 'text/plain']);
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) =>
    body.length === 0 ? done(null, undefined) : parse(request, body.toString(), done),
  );
}

function answerError(thrown: FastifyError | Error, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const error = toApiError(thrown, request);
  if (error.code === 'internal') request.log.error({ err: thrown }, 'request failed');
  const status = errorCatalogue[error.code].httpStatus;
  // Bytes that nobody is going to read would be taken for the next request.
  if (!request.raw.complete) reply.header('connection', 'close');
  return reply
    .code(status)
    .type('application/json')
    .send({ error: toErrorBody(error) });
}

function toApiError(thrown: FastifyError | Error, request: FastifyRequest): DeployError {
  if (thrown instanceof DeployError) return thrown;
  if (thrown instanceof ZodError) return new DeployError('invalid-input', prettifyError(thrown), { cause: thrown });
  const ofDatabase = databaseError(thrown);
  if (ofDatabase !== null) return ofDatabase;
  if (isUnstorableText(thrown))
    return new DeployError('invalid-input', 'a text in the request holds a NUL', { cause: thrown });
  const status = 'statusCode' in thrown ? (thrown.statusCode ?? 500) : 500;
  if (status === 413) return new DeployError('too-large', 'the body is larger than this route takes');
  if (status >= 400 && status < 500) return new DeployError('invalid-input', thrown.message);
  return new DeployError('internal', `internal error; the server's log says more under request id ${request.id}`);
}

/** Routes of the data path are called thousands of times a job: they are logged only when asked for, or when they fail. */
function logResponse(request: FastifyRequest, reply: FastifyReply): void {
  const path = request.url.split('?', 1)[0];
  const level =
    reply.statusCode >= 400 ? 'warn' : request.method === 'GET' || path?.startsWith('/v1/chunks') ? 'debug' : 'info';
  const fields = { method: request.method, path, status: reply.statusCode, ms: Math.round(reply.elapsedTime) };
  request.log[level](fields, 'request');
}
