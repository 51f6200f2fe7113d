// JSON, or CSV for whoever asks for it by `?format=csv` or by the Accept header.
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';

export const formatQuerySchema = z.object({ format: z.enum(['json', 'csv']).optional() });

/** The query says it first. */
export function wantsCsv(request: FastifyRequest): boolean {
  const { format } = formatQuerySchema.parse(request.query);
  if (format !== undefined) return format === 'csv';
  const accepted = (request.headers.accept ?? '').split(',').map((type) => type.split(';', 1)[0]?.trim().toLowerCase());
  return accepted.includes('text/csv') && !accepted.includes('application/json');
}

export function answerCsv(reply: FastifyReply, text: string): string {
  reply.type('text/csv; charset=utf-8; header=present');
  return text;
}
