/** The case can't be judged with this client, or at this gateway; why. */
export class Skipped extends Error {
  override readonly name = 'Skipped';
}
