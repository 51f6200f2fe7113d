// What browsers are told, and what they tell: pages of this server run nothing but its own files, and pages of other sites get nothing done here.
// The headers: Content Security Policy Level 3; Fetch Metadata Request Headers; RFC 6454 (Origin). docs/security.md says why.
import type { IncomingHttpHeaders } from 'node:http';
import { DeployError } from '../protocol/errors.ts';

/** Of every answer by TLS. Nothing from elsewhere, nothing inline, in nobody's frame: the console's pages are built under it, and JSON that a browser opens does nothing. */
export const browserHeaders = {
  'content-security-policy':
    "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
} as const;

/** They change nothing here, and what they read no other site's page can see. */
const reads: ReadonlySet<string> = new Set(['GET', 'HEAD']);

/**
 * Whoever asks: programs say nothing of a page, browsers always do when something is to be changed.
 * @throws DeployError forbidden for a page of another site
 */
export function refuseForeignPage(method: string, headers: IncomingHttpHeaders): void {
  if (!reads.has(method) && (isForeignOrigin(headers) || isForeignFetch(headers))) throw foreign();
}

/** A cookie is sent whoever made the browser ask: with it, a change must name this server, and nothing may come from elsewhere. @throws DeployError forbidden */
export function requireOwnPage(method: string, headers: IncomingHttpHeaders): void {
  const named = headers.origin !== undefined || reads.has(method);
  if (!named || isForeignOrigin(headers) || isForeignFetch(headers)) throw foreign();
}

function isForeignOrigin({ origin, host }: IncomingHttpHeaders): boolean {
  return origin !== undefined && origin !== `https://${host}`;
}

/** `none` is an address that somebody typed. Another port of this host is `same-site`, and may be another's. */
function isForeignFetch({ 'sec-fetch-site': site }: IncomingHttpHeaders): boolean {
  return site !== undefined && site !== 'same-origin' && site !== 'none';
}

function foreign(): DeployError {
  return new DeployError('forbidden', 'a page of another server asked for this');
}
