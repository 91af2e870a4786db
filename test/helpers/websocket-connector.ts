/** A windowed client's network: WebSockets of the package ws. */
import { WebSocketCall, type WebSocketCallOptions } from './websocket-client.js';
import type { Connector } from './windowed-transport.js';

export interface WebSocketTarget extends Pick<WebSocketCallOptions, 'method' | 'subprotocol'> {
  /** `host:port`. */
  readonly address: string;
  readonly clientId: string;
}

/** A WebSocket of its own for each connection. */
export function webSocketConnector({ address, clientId, ...how }: WebSocketTarget): Connector {
  return (events) => {
    const call = new WebSocketCall(address, { ...how, metadata: { 'x-client-id': clientId } });
    call.onMessage = (message) => {
      events.received(message);
    };
    void call.ended.then(({ status, message, reason, retryAfterMs }) => {
      events.ended({
        status,
        message,
        ...(reason !== '' && { reason }),
        ...(retryAfterMs !== undefined && { retryAfterMs }),
      });
    });
    return {
      send(messages) {
        call.send(messages);
        // What the socket has no room for the library keeps: the windows are the bound.
        return true;
      },
      halfClose() {
        call.halfClose();
      },
      cancel() {
        call.break();
      },
    };
  };
}
