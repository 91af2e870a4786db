import type { Clock } from '../../core/clock.js';
import type { ClientCertificate } from '../../core/credentials.js';
import { GrpcStatus } from '../../core/errors.js';
import { dataMessage } from '../../wire/messages.js';
import type {
  CallEnd,
  CallMetadata,
  ClientCall,
  ClientStream,
  Connector,
  Dial,
  StreamEvents,
} from '../client-contract.js';
import type { ServedMethod, StreamAcceptor } from '../contract.js';
import { type Framing, REQUEST_FRAMING, RESPONSE_FRAMING } from '../framing.js';
import { MemoryClientStream } from './memory-client-stream.js';

export interface MemoryDialOptions {
  readonly clock: Clock;
  /** The client's certificate, as if TLS had verified it. Default none. */
  readonly certificate?: ClientCertificate;
  /**
   * How many encoded bytes may be on their way to the server: beyond it `send`
   * returns false. One message always fits. Default 65,535, as in HTTP/2.
   */
  readonly windowBytes?: number;
  /** The largest message the server takes, in bytes. Default 5 MiB. */
  readonly maxMessageBytes?: number;
  /** Told of exceptions the server's receivers let escape. */
  readonly onFault?: (error: unknown) => void;
}

/** The network between clients and a server in the same process, and what a test does to it. */
export interface MemoryDial extends Dial {
  /** While true new streams meet nobody: they end UNAVAILABLE, `failure` 'unreachable'. */
  unreachable: boolean;
  /** While true nothing is carried, either way, and neither side is told: what a cable pulled out looks like. */
  frozen: boolean;
  /** Streams of which one side or the other has not seen the end. */
  readonly openStreams: number;
  /** The network fails: every stream is lost on both sides, without a word from the other. */
  breakConnections(): void;
}

/**
 * Connects clients to `accept` without a network. Messages are encoded and
 * decoded as on the wire, flow control holds, and everything happens in later
 * turns of the clock's `setImmediate`. Each stream is a connection of its own,
 * with the address `memory:1`, `memory:2`, … as its peer.
 */
export function memoryDial(accept: StreamAcceptor, options: MemoryDialOptions): MemoryDial {
  const network = new MemoryNetwork(accept, options);
  const dial = (address: string): Connector => new MemoryConnector(network, address);
  return Object.defineProperties(dial, {
    unreachable: {
      get: () => network.unreachable,
      set: (value: boolean) => {
        network.unreachable = value;
      },
    },
    frozen: {
      get: () => network.frozen,
      set: (value: boolean) => {
        network.freeze(value);
      },
    },
    openStreams: { get: () => network.streams.size },
    breakConnections: {
      value: () => {
        network.break();
      },
    },
  }) as MemoryDial;
}

/** What all clients and the server share. */
class MemoryNetwork {
  readonly accept: StreamAcceptor;
  readonly options: MemoryDialOptions;
  readonly streams = new Set<MemoryClientStream>();
  unreachable = false;
  frozen = false;
  #peers = 0;

  constructor(accept: StreamAcceptor, options: MemoryDialOptions) {
    this.accept = accept;
    this.options = options;
  }

  nextPeer(): string {
    this.#peers += 1;
    return `memory:${String(this.#peers)}`;
  }

  freeze(frozen: boolean): void {
    this.frozen = frozen;
    if (!frozen) for (const stream of this.streams) stream.wake();
  }

  break(): void {
    for (const stream of this.streams) stream.break();
  }
}

class MemoryConnector implements Connector {
  readonly address: string;
  readonly #network: MemoryNetwork;
  readonly #streams = new Set<MemoryClientStream>();
  #closed = false;

  constructor(network: MemoryNetwork, address: string) {
    this.#network = network;
    this.address = address;
  }

  stream(...[method, metadata, events]: Parameters<Connector['stream']>): ClientStream {
    const framing = { request: REQUEST_FRAMING[method], response: RESPONSE_FRAMING[method] };
    return this.#begin(method, framing, metadata, events) ?? OVER;
  }

  call(...[method, metadata, events]: Parameters<Connector['call']>): ClientCall {
    const stream = this.#begin(method, AS_BYTES, metadata, {
      onMessages: (messages) => {
        for (const { data } of messages) events.onBody(data);
      },
      onWritable: () => {
        events.onWritable();
      },
      onEnd: (end) => {
        events.onEnd(end);
      },
    });
    if (stream === undefined) return OVER;
    return {
      send: (body) => stream.send([dataMessage({ data: body })]),
      halfClose: () => {
        stream.halfClose();
      },
      cancel: () => {
        stream.cancel();
      },
      pause: () => {
        stream.pause();
      },
      resume: () => {
        stream.resume();
      },
    };
  }

  renew(): void {
    // Each stream has a connection of its own.
  }

  close(): void {
    this.#closed = true;
    for (const stream of this.#streams) stream.cancel();
  }

  /** Undefined where there is nobody to speak to: `onEnd` tells why. */
  #begin(
    method: ServedMethod,
    framing: { readonly request: Framing; readonly response: Framing },
    metadata: CallMetadata,
    events: StreamEvents,
  ): MemoryClientStream | undefined {
    const network = this.#network;
    const end = this.#closed ? CLOSED : network.unreachable ? unreachable(this.address) : undefined;
    if (end !== undefined) {
      network.options.clock.setImmediate(() => {
        events.onEnd(end);
      });
      return undefined;
    }
    const stream = new MemoryClientStream(
      network.accept,
      {
        ...network.options,
        method,
        framing,
        metadata,
        address: this.address,
        peer: network.nextPeer(),
        isFrozen: () => network.frozen,
        onOver: () => {
          this.#streams.delete(stream);
        },
        onGone: () => {
          network.streams.delete(stream);
        },
      },
      events,
    );
    network.streams.add(stream);
    this.#streams.add(stream);
    return stream;
  }
}

/** Calls are encoded and decoded by who makes them. */
const AS_BYTES = { request: 'body', response: 'body' } as const;

const CLOSED: CallEnd = { status: GrpcStatus.CANCELLED, message: 'The client has been closed.' };

function unreachable(address: string): CallEnd {
  return {
    status: GrpcStatus.UNAVAILABLE,
    message: `Nothing answers at ${address}: the memory network is set unreachable.`,
    failure: 'unreachable',
  };
}

const nothing = (): void => undefined;
/** A stream that never began. */
const OVER: ClientStream & ClientCall = {
  send: () => false,
  halfClose: nothing,
  cancel: nothing,
  pause: nothing,
  resume: nothing,
};
