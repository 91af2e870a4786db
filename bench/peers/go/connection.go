package main

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pb "sluice.dev/bench/gen/sluicepb"
)

type dataStream = grpc.BidiStreamingServer[pb.DataMessage, pb.DataMessage]

// ClientConnection is one StreamData call: a receive loop and a send loop, joined to the process loop
// between them by a bounded channel each.
type ClientConnection struct {
	ID       string
	ClientID string

	config   *ServerConfig
	metrics  *StreamMetrics
	stream   dataStream
	handler  Handler
	ctx      context.Context
	cancel   context.CancelCauseFunc
	receive  chan *pb.DataMessage
	send     chan *pb.DataMessage
	throttle throttle

	// Unix nanoseconds of the last message from the client.
	lastActivity atomic.Int64
	// Set by the first HEARTBEAT: from then on silence for ReceiveTimeout ends the connection.
	promised atomic.Bool
	// Sequence of the unanswered probe and when it was sent; 0 = none.
	probe   atomic.Uint64
	probeAt atomic.Int64
}

// Run serves the stream until its end and returns the call's status.
func (c *ClientConnection) Run(sessions *SessionManager) error {
	handled := make(chan struct{})
	sent := make(chan struct{})
	go c.receiveLoop()
	go c.sendLoop(handled, sent)
	opened := make(map[string]struct{})
	c.processLoop(sessions, opened)
	c.handler.Close(c)
	close(handled)
	select {
	case <-sent:
	case <-c.ctx.Done():
		// A send that flow control holds ends only when the call has its status.
	}
	sessions.Close(c.ClientID, opened)
	if cause := context.Cause(c.ctx); cause != nil {
		return cause
	}
	return nil
}

func (c *ClientConnection) receiveLoop() {
	defer close(c.receive)
	for {
		message, err := c.stream.Recv()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				c.metrics.ReceiveErrors.Add(1)
				c.cancel(err)
			}
			return
		}
		c.metrics.MessagesReceived.Add(1)
		c.metrics.BytesReceived.Add(int64(len(message.Data)))
		c.lastActivity.Store(time.Now().UnixNano())
		switch message.Type {
		case pb.MessageType_MESSAGE_TYPE_UNSPECIFIED, pb.MessageType_MESSAGE_TYPE_DATA:
			select {
			case c.receive <- message:
			case <-c.ctx.Done():
				return
			}
		case pb.MessageType_MESSAGE_TYPE_HEARTBEAT:
			c.promised.Store(true)
		case pb.MessageType_MESSAGE_TYPE_HEALTH_CHECK:
			if message.Ack != 0 {
				c.probe.CompareAndSwap(message.Ack, 0)
			} else {
				message.Ack = message.Sequence
				if !c.enqueue(message) {
					return
				}
			}
		}
	}
}

func (c *ClientConnection) processLoop(sessions *SessionManager, opened map[string]struct{}) {
	for {
		message, more := c.next()
		if !more {
			return
		}
		started := time.Now()
		session, err := sessions.Get(c.ClientID, message.SessionId, started)
		if err != nil {
			c.cancel(err)
			return
		}
		if _, known := opened[message.SessionId]; !known {
			opened[message.SessionId] = struct{}{}
			c.handler.Open(c, message.SessionId)
		}
		session.Touch(started)
		reply := c.handler.Handle(message, started)
		c.metrics.ProcessingNanos.Add(int64(time.Since(started)))
		if reply != nil && !c.enqueue(reply) {
			return
		}
	}
}

// next waits for a received message; false when there will be none.
func (c *ClientConnection) next() (*pb.DataMessage, bool) {
	select {
	case message, more := <-c.receive:
		return message, more
	default:
	}
	select {
	case message, more := <-c.receive:
		return message, more
	case <-c.ctx.Done():
		return nil, false
	}
}

// enqueue waits for room in the send queue, at most SendTimeout; false when the connection is over.
func (c *ClientConnection) enqueue(message *pb.DataMessage) bool {
	select {
	case c.send <- message:
		return true
	default:
	}
	timeout := time.NewTimer(c.config.SendTimeout)
	defer timeout.Stop()
	select {
	case c.send <- message:
		return true
	case <-timeout.C:
		c.metrics.SendErrors.Add(1)
		c.cancel(status.Error(codes.DeadlineExceeded, "the send queue was full for too long"))
		return false
	case <-c.ctx.Done():
		return false
	}
}

// sendLoop is the only writer. It ends when `handled` is closed and the queue is empty.
func (c *ClientConnection) sendLoop(handled <-chan struct{}, sent chan<- struct{}) {
	defer close(sent)
	heartbeat := time.NewTicker(c.config.HeartbeatInterval)
	defer heartbeat.Stop()
	for {
		select {
		case message := <-c.send:
			if !c.write(message) {
				return
			}
			continue
		default:
		}
		select {
		case message := <-c.send:
			if !c.write(message) {
				return
			}
		case <-heartbeat.C:
			if !c.beat() {
				return
			}
		case <-handled:
			for len(c.send) > 0 {
				if !c.write(<-c.send) {
					return
				}
			}
			return
		case <-c.ctx.Done():
			return
		}
	}
}

func (c *ClientConnection) beat() bool {
	if c.promised.Load() && time.Now().UnixNano()-c.lastActivity.Load() > int64(c.config.ReceiveTimeout) {
		c.cancel(status.Error(codes.DeadlineExceeded, "nothing was received for too long"))
		return false
	}
	if len(c.send) == cap(c.send) {
		c.metrics.HeartbeatsSkipped.Add(1)
		return true
	}
	c.metrics.HeartbeatsSent.Add(1)
	return c.write(&pb.DataMessage{
		Type:        pb.MessageType_MESSAGE_TYPE_HEARTBEAT,
		TimestampMs: time.Now().UnixMilli(),
	})
}

func (c *ClientConnection) write(message *pb.DataMessage) bool {
	for c.throttle.shouldThrottle() {
		c.metrics.ThrottledNanos.Add(int64(c.config.FlowControlDelay))
		select {
		case <-time.After(c.config.FlowControlDelay):
		case <-c.ctx.Done():
			return false
		}
	}
	if err := c.stream.Send(message); err != nil {
		c.metrics.SendErrors.Add(1)
		c.cancel(err)
		return false
	}
	c.metrics.MessagesSent.Add(1)
	c.metrics.BytesSent.Add(int64(len(message.Data)))
	return true
}
