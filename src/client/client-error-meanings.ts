import type { ClientErrorCode } from './client-error.js';

/** As errorMeanings of src/core, of what only a client can find out. */
export const clientErrorMeanings: Readonly<Record<ClientErrorCode, string>> = {
  UNREACHABLE: 'Nobody answers at the address, or not in time.',
  CONNECTION_LOST: 'The network connection broke, or the gateway fell silent.',
  TLS_MISMATCH: 'One side speaks TLS and the other does not.',
  BAD_CERTIFICATE: "The gateway's certificate is not trusted here, or ours is not accepted there.",
  NOT_SLUICE: 'Something answers at the address, and it is no Sluice gateway.',
  NEWER_PROTOCOL: 'The gateway speaks a later version of the protocol: this client is to be upgraded.',
  NOT_SUPPORTED: 'The gateway, or this version of it, does not serve the call.',
  TOKEN_SOURCE: 'The function that gives the token failed; its error is the cause.',
  PROTOCOL_VIOLATION: 'The gateway did what the protocol forbids; the message says what.',
  RESET:
    'The gateway no longer has the session: it was away for too long, or the gateway started anew. Of what was not acknowledged it is not known whether it was handled.',
  CLOSED:
    'The session or the client was closed on this side, or the route has ended the session: nothing more can be sent.',
  GAP: 'Messages to this client were lost to a policy, to their time to live or to expiry.',
  DROPPED: "The buffer's policy, or the message's time to live, dropped it before it was sent.",
  BUFFER_FULL: 'More sends wait for the gateway than the buffer holds: await each, or choose another policy.',
};
