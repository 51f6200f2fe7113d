// The one error class and the catalogue of everything that can go wrong, shared by every folder; it depends on nothing.

/** What the command line and the REST API make of a code: an exit status and an HTTP status. */
export type ErrorMapping = { readonly exitStatus: number; readonly httpStatus: number };

const usage = { exitStatus: 2, httpStatus: 400 };
const absent = { exitStatus: 3, httpStatus: 404 };
const conflict = { exitStatus: 4, httpStatus: 409 };
const refused = { exitStatus: 5, httpStatus: 409 };
const device = { exitStatus: 6, httpStatus: 500 };
const corrupt = { exitStatus: 7, httpStatus: 422 };
const store = { exitStatus: 8, httpStatus: 507 };
const network = { exitStatus: 9, httpStatus: 502 };
const denied = { exitStatus: 10, httpStatus: 403 };

/** Every error code, with what the command line and the API make of it. docs/errors.md explains each; a test holds the two together. */
export const errorCatalogue = {
  internal: { exitStatus: 1, httpStatus: 500 },
  usage: usage,
  'invalid-input': usage,
  'image-not-found': absent,
  'machine-not-found': absent,
  'scenario-not-found': absent,
  'boot-profile-not-found': absent,
  'group-not-found': absent,
  'identity-not-found': absent,
  'grant-not-found': absent,
  'approval-rule-not-found': absent,
  'enrolment-not-found': absent,
  'job-not-found': absent,
  'batch-not-found': absent,
  'schedule-not-found': absent,
  'user-not-found': absent,
  'token-not-found': absent,
  'check-not-found': absent,
  'image-check-not-found': absent,
  'device-not-found': absent,
  'escrow-not-found': absent,
  'chunk-not-found': { exitStatus: 7, httpStatus: 404 },
  'store-not-found': absent,
  'key-not-found': absent,
  'image-exists': conflict,
  'target-exists': conflict,
  'key-last': conflict,
  'scenario-exists': conflict,
  'schedule-exists': conflict,
  'user-exists': conflict,
  'boot-profile-exists': conflict,
  'group-exists': conflict,
  'approval-rule-exists': conflict,
  'name-ambiguous': conflict,
  'job-state': conflict,
  'job-rejected': conflict,
  'lease-lost': conflict,
  'mount-point-used': conflict,
  'target-mounted': refused,
  'target-held': refused,
  'target-member': refused,
  'target-busy': refused,
  'target-too-small': refused,
  'target-sector-size': refused,
  'target-read-only': refused,
  'target-changed': refused,
  'image-lossy': refused,
  'image-damaged': refused,
  'wipe-unsupported': refused,
  'scripts-off': denied,
  'script-failed': { exitStatus: 14, httpStatus: 500 },
  'import-unsupported': refused,
  'source-held': refused,
  'source-member': refused,
  'shared-disk': refused,
  'disk-locked': refused,
  'disk-erasing': refused,
  'selector-none': refused,
  'selector-ambiguous': refused,
  'machine-not-approved': denied,
  'source-vanished': device,
  'source-read': device,
  'target-write': device,
  'target-vanished': device,
  'read-back-mismatch': device,
  'mount-failed': device,
  'shrink-failed': device,
  'tool-missing': device,
  'partition-table-corrupt': corrupt,
  'file-system-corrupt': corrupt,
  'chunk-corrupt': corrupt,
  'proof-failed': corrupt,
  'manifest-corrupt': corrupt,
  'manifest-version': corrupt,
  'import-corrupt': corrupt,
  'key-corrupt': corrupt,
  'store-full': store,
  'store-io': { exitStatus: 8, httpStatus: 500 },
  'scratch-full': store,
  'database-unavailable': { exitStatus: 8, httpStatus: 503 },
  'store-version': { exitStatus: 8, httpStatus: 500 },
  'store-unsupported': { exitStatus: 8, httpStatus: 501 },
  'server-unreachable': network,
  'server-untrusted': network,
  'server-error': network,
  'protocol-version': network,
  'port-in-use': network,
  'service-fault': network,
  'clock-skewed': network,
  'power-failed': network,
  'power-unsupported': conflict,
  unauthorized: { exitStatus: 10, httpStatus: 401 },
  forbidden: denied,
  'address-refused': denied,
  'too-many-requests': { exitStatus: 10, httpStatus: 429 },
  'key-needed': denied,
  'key-wrong': denied,
  'too-large': { exitStatus: 2, httpStatus: 413 },
  'build-failed': { exitStatus: 11, httpStatus: 500 },
  'grow-failed': { exitStatus: 12, httpStatus: 500 },
  'new-ids-incomplete': { exitStatus: 13, httpStatus: 500 },
  'settings-incomplete': { exitStatus: 15, httpStatus: 500 },
  'kernel-option-missing': { exitStatus: 11, httpStatus: 500 },
  cancelled: { exitStatus: 130, httpStatus: 499 },
} as const satisfies Record<string, ErrorMapping>;

export type ErrorCode = keyof typeof errorCatalogue;

/**
 * The only error that leaves a module. `message` says what failed, on which device and in what state it is now;
 * `hint` says what to do next. Branch on `code`, never on text.
 */
export class DeployError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; hint?: string } = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.name = 'DeployError';
    this.code = code;
    this.hint = options.hint;
  }

  /** The same error with a gerund in front: `restoring web-01: writing /dev/sda: …`. */
  during(doing: string): DeployError {
    const hint = this.hint === undefined ? {} : { hint: this.hint };
    return new DeployError(this.code, `${doing}: ${this.message}`, { cause: this.cause ?? this, ...hint });
  }
}

/** Any thrown value as a DeployError: one that is none already becomes `fallback`, with the text of its system error. */
export function toDeployError(thrown: unknown, fallback: ErrorCode = 'internal'): DeployError {
  if (thrown instanceof DeployError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new DeployError(fallback, message, { cause: thrown });
}

/** What of an error crosses the wire and what `--json` prints. */
export type ErrorBody = { readonly code: ErrorCode; readonly message: string; readonly hint?: string };

export function toErrorBody(error: DeployError): ErrorBody {
  return { code: error.code, message: error.message, ...(error.hint === undefined ? {} : { hint: error.hint }) };
}

/** The error that a peer sent; an unknown code (a newer peer's) becomes `server-error`. */
export function fromErrorBody(body: { code: string; message: string; hint?: string | undefined }): DeployError {
  const code = Object.hasOwn(errorCatalogue, body.code) ? (body.code as ErrorCode) : 'server-error';
  return new DeployError(code, body.message, body.hint === undefined ? {} : { hint: body.hint });
}
