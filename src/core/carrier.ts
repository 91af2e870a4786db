/** What carries a stream: gRPC, a WebSocket, a request of plain HTTP, or nothing but memory. A metric label: keep the set small. */
export type Carrier = 'grpc' | 'websocket' | 'http' | 'memory';

export const CARRIERS: readonly Carrier[] = ['grpc', 'websocket', 'http', 'memory'];
