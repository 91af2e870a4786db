package main

import "sync/atomic"

// StreamMetrics counts with atomics: every goroutine of every stream adds to them.
type StreamMetrics struct {
	ConnectionsAccepted atomic.Int64
	ConnectionsRejected atomic.Int64
	MessagesReceived    atomic.Int64
	MessagesSent        atomic.Int64
	BytesReceived       atomic.Int64
	BytesSent           atomic.Int64
	ReceiveErrors       atomic.Int64
	SendErrors          atomic.Int64
	HeartbeatsSent      atomic.Int64
	HeartbeatsSkipped   atomic.Int64
	ProbesFailed        atomic.Int64
	ThrottledNanos      atomic.Int64
	ProcessingNanos     atomic.Int64
}
