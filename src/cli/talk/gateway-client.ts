import type { Client } from '../../client/client.js';
import type { ClientEvent } from '../../client/client-event.js';
import { connect } from '../../client/connect.js';
import type { ClientOptions } from '../../client/client-options.js';
import type { OpenOptions } from '../../client/options.js';
import type { Session } from '../../client/session/session.js';
import type { Arguments } from '../frame/command.js';
import type { CommandIo } from '../frame/command-io.js';
import { gatewayAccess, type GatewayAccess, type GATEWAY_OPTIONS } from '../gateway-options.js';
import { Farewell } from './farewell.js';
import { argumentFault, gatewayFault } from './gateway-fault.js';

type GatewayArguments = Arguments<typeof GATEWAY_OPTIONS>['options'];

export interface ClientUse extends Pick<ClientOptions, 'batches' | 'sessionsPerStream' | 'maxStreams'> {
  readonly io: CommandIo;
  readonly onEvent?: (event: ClientEvent) => void;
}

/**
 * Gives `work` a client for the gateway that the options name, and closes it.
 * Whoever types a command wants to know at once that the gateway is not there:
 * the first connection is tried once, and one that was there is waited for.
 * Throws `CommandError` for whatever goes wrong with the gateway.
 */
export async function withClient<T>(
  options: GatewayArguments,
  { io, ...use }: ClientUse,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  using farewell = new Farewell(io);
  const client = clientOf(await gatewayAccess(options), use);
  try {
    return await work(client);
  } catch (error) {
    throw gatewayFault(error);
  } finally {
    await client.close({ graceMs: farewell.leftMs });
  }
}

/** A call that checks what the user gave. Throws `CommandError` for what can't be. */
export function checked<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw argumentFault(error);
  }
}

export async function openSession(client: Client, route: string, options: OpenOptions): Promise<Session> {
  try {
    return await client.open(route, options);
  } catch (error) {
    throw argumentFault(error);
  }
}

function clientOf({ addresses, token, clientId, tls }: GatewayAccess, use: Omit<ClientUse, 'io'>): Client {
  return checked(() =>
    connect(addresses, {
      ...use,
      openTimeoutMs: 0,
      ...(token === undefined ? {} : { token }),
      ...(clientId === undefined ? {} : { clientId }),
      ...(tls === undefined ? {} : { tls }),
    }),
  );
}
