import { SluiceError } from '../core/errors.js';
import type { Action, AuthMethod, ClientLimits, Identity } from '../core/identity.js';
import { parsePermissions, PermissionSet, type PermissionRule } from './permissions.js';

/** What verified credentials say, before the configuration has said what that means. */
export interface Caller {
  readonly clientId: string;
  readonly method: AuthMethod;
  /** Undefined: they name none. */
  readonly clientClass: string | undefined;
  /** In the place of those of the class; undefined: they name none. */
  readonly permissions: readonly string[] | undefined;
  /** Unix milliseconds; undefined where they do not say. */
  readonly issuedAtMs: number | undefined;
  /** Unix milliseconds; undefined where they hold for good. */
  readonly expiresAtMs: number | undefined;
  /** Of a token that is known beforehand, its SHA-256 in hex: whether it is still. */
  readonly tokenHash?: string;
}

/** `auth.classes`, one of them. */
export interface ClientClass extends ClientLimits {
  readonly permissions: readonly string[];
}

/** Of whoever brings none. Where it is not configured they may do nothing. */
const DEFAULT_CLASS = 'default';

/** An identity that remembers what it came in with, for a revocation to be judged by. */
export class CallerIdentity implements Identity {
  readonly clientId: string;
  readonly method: AuthMethod;
  readonly clientClass: string;
  readonly limits: ClientLimits;
  readonly expiresAtMs: number | undefined;
  readonly issuedAtMs: number | undefined;
  readonly tokenHash: string | undefined;
  readonly #permissions: PermissionSet;

  constructor(
    caller: Caller,
    clientClass: string,
    limits: ClientLimits,
    permissions: readonly PermissionRule[],
  ) {
    this.clientId = caller.clientId;
    this.method = caller.method;
    this.clientClass = clientClass;
    this.limits = limits;
    this.expiresAtMs = caller.expiresAtMs;
    this.issuedAtMs = caller.issuedAtMs;
    this.tokenHash = caller.tokenHash;
    this.#permissions = new PermissionSet(permissions, caller.clientId);
  }

  allows(action: Action, route: string, subject: string): boolean {
    return this.#permissions.allows(action, route, subject);
  }

  allowsSomewhere(action: Action): boolean {
    return this.#permissions.allowsSomewhere(action);
  }
}

/** What the clients of each class may do, and how much. */
export class ClientClasses {
  readonly #classes = new Map<
    string,
    { readonly limits: ClientLimits; readonly permissions: readonly PermissionRule[] }
  >([[DEFAULT_CLASS, { limits: {}, permissions: [] }]]);

  /** Throws for a permission that is none: the configuration has read them before. */
  constructor(classes: Readonly<Record<string, ClientClass>>) {
    for (const [name, { permissions, ...limits }] of Object.entries(classes)) {
      this.#classes.set(name, { limits, permissions: parsePermissions(permissions) });
    }
  }

  has(name: string): boolean {
    return this.#classes.has(name);
  }

  /** Throws UNAUTHENTICATED for a class that is not configured, or permissions that are none. */
  identityOf(caller: Caller): CallerIdentity {
    const { clientClass = DEFAULT_CLASS, permissions } = caller;
    const found = this.#classes.get(clientClass);
    if (found === undefined) {
      // Unnamed: what a token says of its client is not told on.
      throw new SluiceError('UNAUTHENTICATED', 'the class of the client is not one of auth.classes');
    }
    const own = permissions === undefined ? found.permissions : ownPermissions(permissions);
    return new CallerIdentity(caller, clientClass, found.limits, own);
  }
}

function ownPermissions(texts: readonly string[]): readonly PermissionRule[] {
  try {
    return parsePermissions(texts);
  } catch (error) {
    throw new SluiceError('UNAUTHENTICATED', 'the permissions of the client are no permissions', {
      cause: error,
    });
  }
}
