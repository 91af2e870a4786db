import { status as Status } from '@grpc/grpc-js';
import { GrpcStatus, SluiceError } from '../../core/errors.js';
import { tooLarge } from '../stream-errors.js';
import type { StatusObject } from './innermost-call.js';

/** What a status that grpc-js would have sent by itself means for a receiver. */
export interface Refusal {
  readonly error: SluiceError;
  /** The gRPC status to send, where gRPC fixes another than the catalogue. */
  readonly grpcStatus?: number;
}

const TOO_LARGE = /larger than max \((\d+) vs/;

/** Reads grpc-js's own refusals of what a client sent; it says them in words only. */
export function refusalOf(status: StatusObject, maxMessageBytes: number): Refusal {
  const { details } = status;
  switch (status.code) {
    case Status.RESOURCE_EXHAUSTED: {
      const size = TOO_LARGE.exec(details)?.[1];
      return {
        error:
          size === undefined
            ? tooLarge(`more than ${maxMessageBytes}`, maxMessageBytes, 'An inflated message')
            : tooLarge(size, maxMessageBytes),
      };
    }
    case Status.UNIMPLEMENTED:
      return {
        error: new SluiceError('INVALID_MESSAGE', sentence(details)),
        grpcStatus: GrpcStatus.UNIMPLEMENTED,
      };
    case Status.INTERNAL:
      if (details.includes('decompress')) {
        return { error: new SluiceError('INVALID_MESSAGE', 'A message can not be inflated.') };
      }
      return {
        error: new SluiceError('INVALID_MESSAGE', sentence(details)),
        grpcStatus: GrpcStatus.INTERNAL,
      };
    default:
      return { error: new SluiceError('INTERNAL', sentence(details)) };
  }
}

function sentence(details: string): string {
  return details.endsWith('.') ? details : `${details}.`;
}
