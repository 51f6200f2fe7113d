// The shape of one operation of the API: where it is, who may call it, what it does.
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import type { Access, Caller } from './callers.ts';
import type { Context } from './context.ts';

/** What the API's description (api-description/) says of a route: schemas, or the content type of what is no JSON. */
export type RouteDoc = {
  readonly summary: string;
  readonly query?: z.ZodType;
  readonly body?: z.ZodType | string;
  readonly answer?: z.ZodType | string;
  /** Of a good answer: 200, or 204 without one, if it is not said. */
  readonly status?: number;
};

export type Route = {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly access: Access;
  /**
   * Also for who has that role only on some machines: its parameter `id` is one of those, a job on one, or a batch of such jobs; or the handler looks at the caller.
   * See people/machine-access.ts.
   */
  readonly on?: 'machine' | 'job' | 'batch' | 'caller';
  readonly doc: RouteDoc;
  /** Of those that keep the server busy only a few run at a time (costly-requests.ts). */
  readonly costly?: true;
  /** The body is taken as bytes, at most so many; without it, as JSON. */
  readonly maxBodyBytes?: number;
  /** Returns the body of the answer (an object becomes JSON), or nothing for 204. */
  handle(context: Context, request: FastifyRequest, caller: Caller, reply: FastifyReply): Promise<unknown>;
};

/** A parameter of the path, decoded. */
export function pathParameter(request: FastifyRequest, name: string): string {
  return (request.params as Record<string, string>)[name] ?? '';
}

/** The body of a route that takes bytes. */
export function bodyBytes(request: FastifyRequest): Buffer {
  return Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
}
