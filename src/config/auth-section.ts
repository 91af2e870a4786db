import { TOKEN_ALGORITHMS } from '../core/token-algorithms.js';
import { clientClass } from './client-classes.js';
import { boolean, choice, choices } from './formats/choice.js';
import { classMap } from './formats/classes.js';
import { duration } from './formats/duration.js';
import { decimal, integer } from './formats/number.js';
import { KIB, size } from './formats/size.js';
import { filePath, text, textList } from './formats/text.js';
import { httpUrl } from './formats/url.js';
import { section, setting } from './setting.js';

const EXPECTED_TEXT = '1 to 512 printable characters';
const CLAIM = 'the name of a claim, dots leading into objects';
const count = (max: number): ReturnType<typeof integer> => integer({ min: 1, max });

const failures = section(
  'Failed attempts of one address (of one /64 with IPv6): a few are free, the rest slow.',
  {
    burst: setting(count(1_000_000), 20, 'How many may follow one another at once. Over it: RATE_LIMITED.'),
    perSecond: setting(
      decimal({ min: 0.001, max: 1_000_000, zero: 'off' }),
      1,
      'How many more each second. Off: failed attempts are counted and never slowed.',
    ),
    maxAddresses: setting(
      count(10_000_000),
      10_000,
      'Addresses remembered. Over it the one that failed longest ago is forgotten.',
    ),
  },
);

const staticTokens = section(
  'Tokens in a file, for a few clients that you know. On with static in auth.methods.',
  {
    file: setting(
      filePath(),
      '',
      'JSON: the SHA-256 of each token, whose it is, and optionally its class, permissions and end.',
    ),
  },
);

const jwt = section(
  'Signed tokens (JWT) of an issuer of yours. On with jwt in auth.methods. A token has to say when it expires.',
  {
    keyFile: setting(
      filePath(),
      '',
      'The keys that verify: public keys or certificates in PEM, or JSON, a JWK or a set of them, which may hold the secrets of the HS algorithms.',
    ),
    jwksUrl: setting(
      httpUrl(),
      '',
      'Where the issuer publishes its keys (a JWK set), in the place of keyFile. While it cannot be reached, the last good ones serve.',
    ),
    algorithms: setting(
      choices(TOKEN_ALGORITHMS),
      ['RS256', 'ES256', 'EdDSA'],
      'The algorithms taken, whatever a token says of itself. In a variable or flag: separated by commas.',
    ),
    issuer: setting(
      text(/^[^\p{C}]{0,512}$/u, 'at most 512 printable characters'),
      '',
      'Who has to have made a token, as its claim iss says. Empty: anybody with the keys.',
    ),
    audience: setting(
      textList(/^[^\p{C}]{1,512}$/u, EXPECTED_TEXT, 16),
      [],
      'For whom a token has to be made: one of these has to be in its claim aud. Empty: for anybody.',
    ),
    clockTolerance: setting(
      duration({ maxMs: 300_000, zero: 'none' }),
      '30s',
      'How far the clock of the issuer may be from that of the gateway.',
    ),
    subjectClaim: setting(
      text(/^[^\p{C}\s]{1,128}$/u, CLAIM),
      'sub',
      'The claim that says who is calling: it becomes the client ID. Dots lead into objects.',
    ),
    classClaim: setting(
      text(/^[^\p{C}\s]{0,128}$/u, CLAIM),
      '',
      'The claim that names the class of the client. Empty: all are of the class default.',
    ),
    permissionsClaim: setting(
      text(/^[^\p{C}\s]{0,128}$/u, CLAIM),
      '',
      'The claim that lists permissions, which replace those of the class: an array, or a text with blanks between, as scope is. Empty: the class decides.',
    ),
    jwksMaxAge: setting(
      duration(),
      '10m',
      'How old the keys of jwksUrl may be before they are fetched again.',
    ),
    jwksCooldown: setting(
      duration(),
      '30s',
      'Tokens with an unknown key make the gateway fetch the keys again, at most so often.',
    ),
    jwksTimeout: setting(duration(), '5s', 'How long a fetch of the keys may take.'),
  },
);

const certificate = section(
  'Client certificates (mutual TLS). On with certificate in auth.methods; server.tls.clientCaFile says whose are believed.',
  {
    identity: setting(
      choice(['spiffe', 'dns', 'commonName']),
      'spiffe',
      'What of the certificate is the client ID: its SPIFFE ID, its one DNS name, or the common name of its subject.',
    ),
    trustDomain: setting(
      // The SPIFFE ID standard, section 2.1.
      text(
        /^[a-z0-9._-]{0,255}$/,
        'a SPIFFE trust domain: lower-case letters, digits, dots, hyphens and underscores',
      ),
      '',
      'The trust domain that a SPIFFE ID has to be of. Empty: any.',
    ),
  },
);

const revocation = section(
  'Subjects whose connections and sessions are ended and whose tokens are refused.',
  {
    file: setting(
      filePath(),
      '',
      'One subject a line, and optionally the time before which its tokens were issued. Empty: only the admin address revokes.',
    ),
    max: setting(
      count(10_000_000),
      100_000,
      'Revocations kept, of the file and the admin address together. Over it new ones are refused.',
    ),
  },
);

const callout = section(
  'A service of your own that is asked at every connect and every open, after the gateway itself has said yes.',
  {
    url: setting(httpUrl(), '', 'Where it listens: a POST of JSON. Empty: nobody is asked.'),
    timeout: setting(duration(), '2s', 'How long an answer may take.'),
    cache: setting(
      duration({ zero: 'off' }),
      '10s',
      'How long an answer, yes or no, holds for the same question. The service may say less.',
    ),
    maxCached: setting(
      count(10_000_000),
      10_000,
      'Answers kept. Over it the one unused for longest is forgotten.',
    ),
    maxConcurrent: setting(count(10_000), 64, 'Questions under way at once.'),
    maxWaiting: setting(count(1_000_000), 1_024, 'Questions that wait for their turn. More fail.'),
    secretFile: setting(
      filePath(),
      '',
      'What it holds is sent along as bearer token, so that the service knows the gateway.',
    ),
    failOpen: setting(
      boolean(),
      false,
      'Whether clients are let in while the service fails. Else they get AUTH_UNAVAILABLE and come again.',
    ),
    breakerFailures: setting(
      count(1_000_000),
      5,
      'Failures in a row after which the service is not asked for a while.',
    ),
    breakerPause: setting(duration(), '5s', 'How long that is, until one question tries again.'),
  },
);

export const auth = section(
  'Who may come in, and what they may do there. What a client shows and does not hold is refused, never passed on to a weaker method.',
  {
    methods: setting(
      choices(['static', 'jwt', 'certificate', 'anonymous']),
      ['anonymous'],
      'How clients say who they are, tried in this order: a token of a file, a signed token, a client certificate, nothing at all. In a variable or flag: separated by commas.',
    ),
    maxTokenSize: setting(
      size({ minBytes: 256, maxBytes: 64 * KIB }),
      '8KiB',
      'The longest token that is looked at. As metadata it also has to fit in server.maxMetadataSize.',
    ),
    maxTokenLifetime: setting(
      duration(),
      '24h',
      'A signed token that lives longer than this, from its issue (from now, where it does not say) to its end, is refused, and a revocation by the admin address is kept so long.',
    ),
    expiryNotice: setting(
      duration({ zero: 'off' }),
      '1m',
      'How long before its token expires a client is told, by a Throttle of the scope token.',
    ),
    expiryGrace: setting(
      duration({ maxMs: 3_600_000, zero: 'no waiting' }),
      '30s',
      'From the expiry of a token until TOKEN_EXPIRED ends the connection.',
    ),
    identifyTimeout: setting(
      duration(),
      '10s',
      'From the start of a stream until it is known who is calling.',
    ),
    maxUnidentified: setting(
      count(1_000_000),
      1_000,
      'Streams of which it is not yet known who is calling. More are refused.',
    ),
    reloadInterval: setting(
      duration({ zero: 'only on SIGHUP' }),
      '1m',
      'How often the files of this section are looked at for changes; a bad one is reported and the last good one kept.',
    ),
    classes: setting(
      classMap(clientClass),
      { default: { permissions: ['*'] } },
      'What clients may do, by class: for each a name and its options. A token names its class, or the callout; who brings none is of the class default and, where there is no such class here, may do only what the token itself permits. Given anywhere, it replaces the default as a whole. In a variable or flag: one line of JSON.',
    ),
    failures,
    static: staticTokens,
    jwt,
    certificate,
    revocation,
    callout,
  },
);
