import { SluiceError } from '../core/errors.js';
import { quoted } from '../core/printable.js';

/** Where a request of a browser comes from, and where it believes to be. */
export interface RequestOrigin {
  /** The header of this name; undefined where there is none, as from everything that is no browser. */
  readonly origin: string | undefined;
  /** The header of this name. */
  readonly host: string | undefined;
  /** Whether the connection came in at a loopback address of this machine. */
  readonly overLoopback: boolean;
  /**
   * Whether a page's own request may be without `Origin`: browsers send none with
   * GET and HEAD to where the page came from. What brings a token is no such page's: it knows none.
   */
  readonly mayHideOrigin: boolean;
}

/**
 * Which pages may use the gateway from a browser: those of the origins listed,
 * and those that came from the gateway's own address. A page on the web must not
 * write to a gateway on its visitor's machine (CSRF), nor read from it; so what
 * is not allowed is refused, not merely left without CORS headers.
 *
 * That an origin is the gateway's own is told by `Host`. Over loopback only names
 * of loopback are believed: a page that has its own name resolved to 127.0.0.1
 * (DNS rebinding) brings that name. There `Host` is looked at without an
 * `Origin`, too, where that may be a page's: reading is what such a page can do then.
 */
export class OriginPolicy {
  /** Whether every page may. */
  readonly allowsAny: boolean;
  readonly #allowed: ReadonlySet<string>;
  readonly #allowedHosts: ReadonlySet<string>;

  /** @param origins `https://host[:port]` each, or `*` */
  constructor(origins: readonly string[]) {
    this.allowsAny = origins.includes('*');
    this.#allowed = new Set(origins.flatMap((text) => originOf(text) ?? []));
    this.#allowedHosts = new Set([...this.#allowed].map((origin) => new URL(origin).hostname));
  }

  /** Undefined where it may; requests without `Origin` may, save those of a page that hides a name not its own. */
  refusal(request: RequestOrigin): SluiceError | undefined {
    const { origin } = request;
    if (this.allowsAny) return undefined;
    if (origin === undefined) return this.#refusalOfHost(request);
    const known = originOf(origin);
    if (known !== undefined && (this.#allowed.has(known) || isOwn(known, request))) return undefined;
    return new SluiceError(
      'PERMISSION_DENIED',
      `pages of origin ${quoted(origin)} may not use this gateway: edge.origins does not list it`,
    );
  }

  #refusalOfHost({ host, overLoopback, mayHideOrigin }: RequestOrigin): SluiceError | undefined {
    if (host === undefined || !overLoopback || !mayHideOrigin) return undefined;
    const own = originOf(`http://${host}`);
    const hostname = own === undefined ? '' : new URL(own).hostname;
    if (!isForeignName(hostname) || this.#allowedHosts.has(hostname)) return undefined;
    return new SluiceError(
      'PERMISSION_DENIED',
      `host ${quoted(host)} is not believed over loopback without a token: no origin of that name is in edge.origins`,
    );
  }
}

/** A name that somebody else's name server could have resolved to us: one with a dot, and none of loopback. */
function isForeignName(hostname: string): boolean {
  return hostname.includes('.') && !/^[\d.]+$/.test(hostname) && !isLoopbackName(hostname);
}

/** As it is compared: lower case, without a default port; undefined for what is none, "null" among it. */
function originOf(text: string): string | undefined {
  if (!/^https?:\/\/[^/?#@\\\s]+$/i.test(text) || !URL.canParse(text)) return undefined;
  return new URL(text).origin;
}

function isOwn(origin: string, { host, overLoopback }: RequestOrigin): boolean {
  const { protocol, hostname } = new URL(origin);
  // TLS may end before the gateway: the scheme is the page's, whatever is spoken here.
  if (host === undefined || originOf(`${protocol}//${host}`) !== origin) return false;
  return !overLoopback || isLoopbackName(hostname);
}

/** RFC 6890 section 2.2, RFC 6761 section 6.3; as `URL` writes them. */
function isLoopbackName(hostname: string): boolean {
  return /^(?:127(?:\.\d{1,3}){3}|\[::1\]|(?:[^.]+\.)*localhost\.?)$/.test(hostname);
}
