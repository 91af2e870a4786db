package main

import (
	"context"
	"math/rand/v2"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pb "sluice.dev/bench/gen/sluicepb"
)

// watchHealth probes connections that have been silent for long and ends those that do not answer.
func watchHealth(ctx context.Context, config *ServerConfig, pool *ConnectionPool, metrics *StreamMetrics) {
	ticker := time.NewTicker(config.HealthInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			for _, connection := range pool.Snapshot() {
				check(connection, now, config, metrics)
			}
		}
	}
}

func check(c *ClientConnection, now time.Time, config *ServerConfig, metrics *StreamMetrics) {
	if c.probe.Load() != 0 {
		if now.UnixNano()-c.probeAt.Load() > int64(config.ProbeAnswerTimeout) {
			metrics.ProbesFailed.Add(1)
			c.cancel(status.Error(codes.Unavailable, "a health check was not answered"))
		}
		return
	}
	if now.UnixNano()-c.lastActivity.Load() <= int64(config.MaxInactivity) {
		return
	}
	sequence := rand.Uint64N(1<<53-1) + 1
	c.probeAt.Store(now.UnixNano())
	c.probe.Store(sequence)
	select {
	case c.send <- &pb.DataMessage{
		Type:        pb.MessageType_MESSAGE_TYPE_HEALTH_CHECK,
		Sequence:    sequence,
		TimestampMs: now.UnixMilli(),
	}:
	default:
		// A full send queue: the send timeout judges that connection.
		c.probe.Store(0)
	}
}
