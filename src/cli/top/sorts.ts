/** What the table can be ordered by: a `sort` of docs/admin.md; the number of each is its key. */
export const SORTS = ['sendQueue', 'receiveQueue', 'bytesInFlight', 'sendRate', 'receiveRate'] as const;
export type Sort = (typeof SORTS)[number];
