/** Both servers of the streaming calls: what touches the wire is tested over each. */
export const STREAM_HANDLERS = ['direct', 'grpc-js'] as const;
