import { SystemClock } from '../../../src/core/clock.js';
import type { StreamMethod } from '../../../src/transport/contract.js';
import { decodeMessage } from '../../../src/wire/codec.js';
import { batchToJson, messageToJson } from '../../../src/wire/json-codec.js';
import type { DataMessage } from '../../../src/wire/messages.js';
import { type GatewayUnderTest, type Settings, startGateway } from '../../helpers/gateway.js';
import { WebSocketCall, type Subprotocol } from '../../helpers/websocket-client.js';
import { gatewaySource } from './grpc-target.js';
import { routes } from './in-process.js';
import type { Connection, Ending, TargetSource } from './target.js';

/** Field 1 of DataBatch, length-delimited. */
const ENTRY_TAG = 0x0a;

/** A gateway in this process, spoken to over WebSockets through its HTTP edge. */
export function webSocketSource(subprotocol: Subprotocol, method: StreamMethod): TargetSource {
  return gatewaySource(
    `WebSocket, ${subprotocol}, ${method}`,
    'direct',
    method,
    () => ({
      connect: (address, ...rest) => new WebSocketConnection(address, subprotocol, ...rest),
      checkNothingLeft: () => undefined,
    }),
    startWithEdge,
  );
}

/** A gateway whose address is that of its HTTP edge. */
export async function startWithEdge(settings: Settings): Promise<GatewayUnderTest> {
  const clock = new SystemClock();
  const under = await startGateway({ ...settings, 'edge.enabled': true }, routes(clock), clock);
  const [edge] = under.gateway.edgeAddresses;
  return { ...under, address: edge?.text ?? '' };
}

class WebSocketConnection implements Connection {
  readonly received: DataMessage[] = [];
  ending: Ending | undefined;
  readonly #call: WebSocketCall;
  readonly #isJson: boolean;
  readonly #method: StreamMethod;

  constructor(
    address: string,
    subprotocol: Subprotocol,
    method: StreamMethod,
    metadata: Readonly<Record<string, string>>,
    changed: () => void,
  ) {
    this.#isJson = subprotocol === 'sluice.v1.json';
    this.#method = method;
    this.#call = new WebSocketCall(address, { method, subprotocol, metadata });
    this.#call.onMessage = (message) => {
      this.received.push(message);
      changed();
    };
    void this.#call.ended.then((end) => {
      this.ending = end;
      changed();
    });
  }

  send(messages: readonly DataMessage[]): void {
    this.#call.send(messages);
  }

  /** In JSON what the same bytes say in protobuf, and where they say nothing, themselves. */
  sendBody(body: Uint8Array): void {
    this.#call.sendRaw(this.#isJson ? textOf(body, this.#method) : body);
  }

  halfClose(): void {
    this.#call.halfClose();
  }

  break(): void {
    this.#call.break();
  }

  leave(): void {
    this.#call.break();
  }

  stopReading(): void {
    this.#call.stopReading();
  }

  startReading(): void {
    this.#call.startReading();
  }
}

function textOf(body: Uint8Array, method: StreamMethod): string {
  try {
    return method === 'StreamBatches'
      ? batchToJson(entriesOf(body))
      : messageToJson(decodeMessage(body, 0, body.length));
  } catch {
    return Buffer.from(body).toString('latin1');
  }
}

/** Of a DataBatch, however many it has: how many there may be is for the gateway to say. */
function entriesOf(batch: Uint8Array): DataMessage[] {
  const messages: DataMessage[] = [];
  for (let at = 0; at < batch.length;) {
    if (batch[at] !== ENTRY_TAG) throw new Error('a DataBatch has one field');
    let length = 0;
    let shift = 0;
    for (at += 1; ; at += 1, shift += 7) {
      const byte = batch[at] ?? 0;
      length += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
    }
    at += 1;
    messages.push(decodeMessage(batch, at, at + length));
    at += length;
  }
  return messages;
}
