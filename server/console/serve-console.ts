// The console's side of the HTTPS server: its page at every path that is not the API's, and its assets (what a browser may do with them: browser-rules.ts).
import path from 'node:path';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { browserHeaders } from '../browser-rules.ts';
import { type ConsoleFile, chooseEncoding, readConsoleFiles } from './console-files.ts';

const builtFolder = path.join(import.meta.dirname, '../../console/dist');

/** An asset's name changes with its content; the page says which are in use, and is asked for each time. */
const immutable = 'public, max-age=31536000, immutable';
const askAgain = 'no-cache';

const notBuilt = `The console is not built. Run "npm run console" in the sources of this server.
The command deploy-os does all that the console does.
`;

type Answer = (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply>;

/** What a page's address gets, for paths that no route takes. Without a built console it says how to build it, and looks again each time. */
export function createConsole(folder = builtFolder): Answer {
  let files: ReadonlyMap<string, ConsoleFile> | null = null;
  return async (request, reply) => {
    files ??= await readConsoleFiles(folder);
    reply.headers(browserHeaders);
    if (files === null) return reply.code(503).type('text/plain; charset=utf-8').send(notBuilt);
    const asked = pathOf(request);
    const file = files.get(asked === '/' ? '/index.html' : asked);
    if (file !== undefined) return answerFile(request, reply, file, asked.startsWith('/assets/'));
    const page = files.get('/index.html');
    if (page === undefined || isFile(asked) || asked.startsWith('//')) {
      return reply.code(404).type('text/plain; charset=utf-8').send('no such file\n');
    }
    return answerFile(request, reply, page, false);
  };
}

/** All that a browser looks at and is not the API's. */
export function isConsolePath(request: FastifyRequest): boolean {
  const asked = pathOf(request);
  return (request.method === 'GET' || request.method === 'HEAD') && asked !== '/v1' && !asked.startsWith('/v1/');
}

function pathOf(request: FastifyRequest): string {
  return request.url.split(/[?#]/, 1)[0] ?? '/';
}

/** A file that is not there (any more) must not be answered with a page. Below the first folder it may be the name of an image, with a dot in it. */
function isFile(asked: string): boolean {
  return asked.startsWith('/assets/') || (asked.lastIndexOf('/') === 0 && path.extname(asked) !== '');
}

function answerFile(request: FastifyRequest, reply: FastifyReply, file: ConsoleFile, named: boolean): FastifyReply {
  const encoding = chooseEncoding(request.headers['accept-encoding'], file);
  reply.headers({
    'cache-control': named ? immutable : askAgain,
    etag: file.entityTag,
    vary: 'Accept-Encoding',
    ...(encoding === 'identity' ? {} : { 'content-encoding': encoding }),
  });
  if (request.headers['if-none-match'] === file.entityTag) return reply.code(304).send();
  const body = file.bodies.get(encoding) ?? Buffer.alloc(0);
  reply.type(file.type).header('content-length', body.length);
  return reply.send(request.method === 'HEAD' ? undefined : body);
}
