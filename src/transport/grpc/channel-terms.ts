/** How the texts of a channel speak of the two ends, and of what there is to set. */
export interface ChannelTerms {
  /** Who is called. */
  readonly peer: 'gateway' | 'backend';
  /** Who calls. */
  readonly self: 'this client' | 'this gateway';
  readonly names: {
    /** Where calls should go. */
    readonly itsAddress: string;
    readonly grpcAddress: string;
    /** Ends in a verb: "… name" this address. */
    readonly listens: string;
    readonly withTls: string;
    readonly withoutTls: string;
    readonly ca: string;
    readonly cert: string;
    readonly key: string;
    readonly serverName: string;
    /** Who has to have signed the caller's certificate. */
    readonly clientCa: string;
    /** In brackets, the limit of connections; "" where it is not known. */
    readonly room: string;
    /** The same of a call's metadata. */
    readonly metadataRoom: string;
    readonly maxMessageBytes: string;
    /** What else to say to what is no PEM. */
    readonly pemHint: string;
  };
}

/** The SDK speaks of a gateway. */
export const GATEWAY_TERMS: ChannelTerms = {
  peer: 'gateway',
  self: 'this client',
  names: {
    itsAddress: "the gateway's gRPC address (server.listen)",
    grpcAddress: "the gateway's gRPC address",
    listens: 'server.listen name',
    withTls: 'write grpcs://, or give tls with the authority to trust',
    withoutTls: 'leave out tls and grpcs://',
    ca: 'tls.ca',
    cert: 'tls.cert',
    key: 'tls.key',
    serverName: 'tls.serverName',
    clientCa: 'an authority of server.tls.clientCaFile',
    room: ' (server.maxSockets)',
    metadataRoom: 'do the token and the metadata fit in its server.maxMetadataSize?',
    maxMessageBytes: 'maxMessageBytes of connect',
    pemHint: ' (it is the text itself, not the path of a file)',
  },
};

/** The gateway speaks of a backend, with the settings of its upstream. */
export const BACKEND_TERMS: ChannelTerms = {
  peer: 'backend',
  self: 'this gateway',
  names: {
    itsAddress: "the backend's gRPC address",
    grpcAddress: "the backend's gRPC address",
    listens: 'it listen at',
    withTls: 'write grpcs://',
    withoutTls: 'leave out grpcs://',
    ca: 'caFile',
    cert: 'certificateFile',
    key: 'keyFile',
    serverName: 'serverName',
    clientCa: 'an authority that it trusts',
    room: '',
    metadataRoom: 'does it take the metadata of the call?',
    maxMessageBytes: 'maxMessageSize of its upstream',
    pemHint: '',
  },
};
