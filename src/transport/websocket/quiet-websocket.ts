import { WebSocket } from 'ws';

/**
 * The library's WebSocket, save that it does not close by itself, with a bare
 * code, where what came breaks the rules: its 'error' says so, and whoever
 * reads it closes, with a code, a reason, and what was sent before.
 */
export class QuietWebSocket extends WebSocket {
  /**
   * What the library calls: with the code and reason of the peer's Close, or
   * with nothing where that had none, to answer it; with a code alone on what
   * can't be read, right before its 'error'.
   */
  override close(code?: number, reason?: string | Buffer): void {
    if (code !== undefined && reason === undefined) return;
    super.close(code, reason);
  }

  /** Sends a Close, or answers the peer's. */
  closeWith(code: number, reason: string): void {
    super.close(code, reason);
  }
}
