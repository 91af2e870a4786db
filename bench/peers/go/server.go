package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	pb "sluice.dev/bench/gen/sluicepb"
)

// StreamingServer is the Go original's architecture, without its two known flaws: messages of a session are
// handled in order (not each in a goroutine of its own), and a probe that goes unanswered ends the connection.
type StreamingServer struct {
	pb.UnimplementedStreamServiceServer

	config   ServerConfig
	pool     *ConnectionPool
	sessions *SessionManager
	metrics  *StreamMetrics
	nextID   atomic.Uint64
}

func NewStreamingServer(config ServerConfig) *StreamingServer {
	return &StreamingServer{
		config:   config,
		pool:     NewConnectionPool(config.MaxConnections),
		sessions: NewSessionManager(config.MaxSessions),
		metrics:  &StreamMetrics{},
	}
}

// StreamData serves one client stream.
func (s *StreamingServer) StreamData(stream dataStream) error {
	id := fmt.Sprintf("connection-%d", s.nextID.Add(1))
	clientID := id
	if incoming, ok := metadata.FromIncomingContext(stream.Context()); ok {
		if values := incoming.Get("x-client-id"); len(values) > 0 {
			clientID = values[0]
		}
	}
	ctx, cancel := context.WithCancelCause(stream.Context())
	defer cancel(nil)
	connection := &ClientConnection{
		ID:       id,
		ClientID: clientID,
		config:   &s.config,
		metrics:  s.metrics,
		stream:   stream,
		ctx:      ctx,
		cancel:   cancel,
		receive:  make(chan *pb.DataMessage, s.config.QueueSize),
		send:     make(chan *pb.DataMessage, s.config.QueueSize),
		throttle: throttle{perSecond: s.config.MessagesPerSecond},
	}
	connection.lastActivity.Store(time.Now().UnixNano())
	if !s.pool.Add(connection) {
		s.metrics.ConnectionsRejected.Add(1)
		return status.Errorf(codes.ResourceExhausted, "more than %d connections", s.config.MaxConnections)
	}
	defer s.pool.Remove(connection)
	s.metrics.ConnectionsAccepted.Add(1)
	return connection.Run(s.sessions)
}
