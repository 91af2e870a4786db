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
	handlers map[string]Handler
	metrics  *StreamMetrics
	nextID   atomic.Uint64
}

func NewStreamingServer(config ServerConfig) *StreamingServer {
	return &StreamingServer{
		config:   config,
		pool:     NewConnectionPool(config.MaxConnections),
		sessions: NewSessionManager(config.MaxSessions),
		handlers: newHandlers(),
		metrics:  &StreamMetrics{},
	}
}

// StreamData serves one client stream.
func (s *StreamingServer) StreamData(stream dataStream) error {
	id := fmt.Sprintf("connection-%d", s.nextID.Add(1))
	incoming, _ := metadata.FromIncomingContext(stream.Context())
	clientID := firstOr(incoming, "x-client-id", id)
	route := firstOr(incoming, "x-route", "echo")
	handler := s.handlers[route]
	if handler == nil {
		return status.Errorf(codes.NotFound, "no route %q", route)
	}
	ctx, cancel := context.WithCancelCause(stream.Context())
	defer cancel(nil)
	connection := &ClientConnection{
		ID:       id,
		ClientID: clientID,
		config:   &s.config,
		metrics:  s.metrics,
		stream:   stream,
		handler:  handler,
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

func firstOr(incoming metadata.MD, key, otherwise string) string {
	if values := incoming.Get(key); len(values) > 0 {
		return values[0]
	}
	return otherwise
}
