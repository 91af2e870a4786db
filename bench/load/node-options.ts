import { parseArgs } from 'node:util';

/** The flags of the Go generator; see bench/load/main.go. */
export interface LoadOptions {
  readonly mode: string;
  readonly addr: string;
  readonly conns: number;
  readonly streams: number;
  readonly outstanding: number;
  readonly size: number;
  readonly batch: number;
  readonly method: string;
  readonly warmupMs: number;
  readonly durationMs: number;
  readonly heartbeatMs: number;
  readonly serverPid: number;
  /** Open each session, number and acknowledge its messages. */
  readonly windowed: boolean;
  /** Sessions a stream, in turn. */
  readonly sessions: number;
  /** Messages a second in all; 0: a closed loop. */
  readonly rate: number;
  readonly stalled: number;
  /** A file with the authorities of TLS; "": no TLS. */
  readonly ca: string;
}

export function readLoadOptions(): LoadOptions {
  const text = (usual: string): { type: 'string'; default: string } => ({ type: 'string', default: usual });
  const { values } = parseArgs({
    options: {
      mode: text('throughput'),
      addr: text('127.0.0.1:50051'),
      conns: text('4'),
      streams: text('20'),
      outstanding: text('16'),
      size: text('256'),
      batch: text('8'),
      method: text('StreamData'),
      warmup: text('1'),
      seconds: text('5'),
      heartbeat: text('20'),
      'server-pid': text('0'),
      windowed: text('false'),
      sessions: text('1'),
      rate: text('0'),
      stalled: text('0'),
      ca: text(''),
    },
  });
  return {
    mode: values.mode,
    addr: values.addr,
    conns: Number(values.conns),
    streams: Number(values.streams),
    outstanding: Number(values.outstanding),
    size: Number(values.size),
    batch: Number(values.batch),
    method: values.method,
    warmupMs: Number(values.warmup) * 1000,
    durationMs: Number(values.seconds) * 1000,
    heartbeatMs: Number(values.heartbeat) * 1000,
    serverPid: Number(values['server-pid']),
    windowed: values.windowed === 'true',
    sessions: Number(values.sessions),
    rate: Number(values.rate),
    stalled: Number(values.stalled),
    ca: values.ca,
  };
}
