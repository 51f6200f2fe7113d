// A login of a browser: the session's token in a cookie that scripts cannot read and other sites do not send.
// Attributes and the prefix: RFC 6265bis, "Cookies: HTTP State Management Mechanism".

const name = '__Host-deploy-os';
const attributes = 'Path=/; Secure; HttpOnly; SameSite=Strict';

export function writeSessionCookie(token: string): string {
  return `${name}=${token}; ${attributes}`;
}

export function clearSessionCookie(): string {
  return `${name}=; ${attributes}; Max-Age=0`;
}

export function readSessionCookie(header: string | undefined): string | null {
  const pair = header
    ?.split(';')
    .map((part) => part.trim())
    .find((part) => part.startsWith(`${name}=`));
  const token = pair?.slice(name.length + 1) ?? '';
  return /^[\x21-\x7e]{1,256}$/.test(token) ? token : null;
}
