/** What of a WebSocket is used (https://websockets.spec.whatwg.org/): that of a browser, of Node.js, and of the package ws. */
export interface PlatformSocket {
  binaryType: string;
  readonly protocol: string;
  readonly bufferedAmount: number;
  onopen: unknown;
  onmessage: unknown;
  onerror: unknown;
  onclose: unknown;
  send(data: Uint8Array<ArrayBuffer>): void;
  close(code?: number): void;
}

export type PlatformWebSocket = new (url: string, protocols: string[]) => PlatformSocket;

export function platformWebSocket(): PlatformWebSocket | undefined {
  return (globalThis as { WebSocket?: PlatformWebSocket }).WebSocket;
}
