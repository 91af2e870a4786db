package session

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	pb "sluice.dev/examples/go-client/sluicepb"
)

const (
	welcomeWithin = 10 * time.Second
	maxMessage    = 16 << 20 // what we take in one; grpc's own limit is below the gateway's
	overhead      = 512      // bytes of a message beside its payload, at most
)

var errSilent = errors.New("nothing has come from the gateway for too long")

type stream = grpc.BidiStreamingClient[pb.DataMessage, pb.DataMessage]

// connect serves the session over one connection, until that is of no more use. It reads; write, beside it, is the
// only one who writes.
func (s *Session) connect(ctx context.Context, target string, options []grpc.DialOption) (err error) {
	defer func() { slog.Debug("connection over", "session", s.config.ID, "reason", err) }()
	// A channel for each: a lasting one has its own, slower, idea of when to try again.
	channel, err := grpc.NewClient(target, options...)
	if err != nil {
		return status.Error(codes.InvalidArgument, err.Error())
	}
	defer channel.Close()
	headers := metadata.Pairs("x-client-id", s.config.ClientID)
	if s.config.Token != nil {
		token, err := s.config.Token(ctx)
		if err != nil {
			return fmt.Errorf("no token: %w", err)
		}
		headers.Set("authorization", "Bearer "+token)
	}
	ctx, leave := context.WithCancelCause(metadata.NewOutgoingContext(ctx, headers))
	defer leave(errLeave)
	stream, err := pb.NewStreamServiceClient(channel).StreamData(ctx, grpc.MaxCallRecvMsgSize(maxMessage))
	if err != nil {
		return err
	}
	written := make(chan struct{})
	go func() {
		defer close(written)
		s.write(ctx, stream)
	}()
	err = s.read(ctx, stream, leave)
	leave(errLeave)
	<-written
	return err
}

func (s *Session) write(ctx context.Context, stream stream) {
	s.mu.Lock()
	s.heartbeat, s.answer, s.renewal = 0, nil, ""
	message := s.open()
	s.mu.Unlock()
	for message != nil && stream.Send(message) == nil { // why it failed is read
		message = s.await(ctx)
	}
}

// await returns the next message to write, a heartbeat if nothing else is to be said for so long; nil once ctx is done.
func (s *Session) await(ctx context.Context) *pb.DataMessage {
	since := time.Now()
	for {
		s.mu.Lock()
		message, changed, heartbeat := s.next(), s.changed, s.heartbeat
		s.mu.Unlock()
		if message != nil {
			return message
		}
		var silence <-chan time.Time
		if heartbeat > 0 {
			silence = time.After(heartbeat - time.Since(since))
		}
		select {
		case <-changed:
		case <-silence:
			return &pb.DataMessage{Type: pb.MessageType_MESSAGE_TYPE_HEARTBEAT}
		case <-ctx.Done():
			return nil
		}
	}
}

func (s *Session) read(ctx context.Context, stream stream, leave context.CancelCauseFunc) error {
	patience := welcomeWithin // then, a gateway that lives is heard from in every heartbeat interval
	silence := time.AfterFunc(patience, func() { leave(errSilent) })
	defer silence.Stop()
	for {
		message, err := stream.Recv()
		if err != nil && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			return err
		}
		switch control := message.GetControl(); {
		case control.GetWelcome() != nil:
			patience = s.welcomed(control.GetWelcome())
		case control.GetDrain() != nil:
			if strings.HasPrefix(control.GetDrain().GetReason(), "connection") {
				return errLeave // only this connection ends; when the gateway leaves, stay until Closed
			}
		case control.GetThrottle().GetScope() == "token" && s.config.Token != nil:
			go s.renew(ctx, time.Duration(control.GetThrottle().GetRetryAfterMs())*time.Millisecond)
		case message.GetType() == pb.MessageType_MESSAGE_TYPE_HEALTH_CHECK:
			s.probed(message)
		case message.GetSessionId() == s.config.ID:
			err = s.handle(message)
		}
		if err != nil {
			return err
		}
		if silence.Stop(); patience > 0 {
			silence.Reset(patience)
		}
	}
}

func (s *Session) welcomed(welcome *pb.Welcome) (patience time.Duration) {
	heartbeat := time.Duration(welcome.GetHeartbeatIntervalMs()) * time.Millisecond
	s.update(func() {
		s.heartbeat = heartbeat
		s.largest = int(welcome.GetMaxMessageBytes()) - overhead
	})
	return 2 * heartbeat
}

func (s *Session) probed(probe *pb.DataMessage) {
	if probe.GetAck() > 0 {
		return // an answer
	}
	s.update(func() {
		s.answer = &pb.DataMessage{
			Type:        pb.MessageType_MESSAGE_TYPE_HEALTH_CHECK,
			SessionId:   probe.GetSessionId(),
			Sequence:    probe.GetSequence(),
			TimestampMs: probe.GetTimestampMs(),
			Ack:         probe.GetSequence(),
		}
	})
}

func (s *Session) handle(message *pb.DataMessage) (err error) {
	var failed []*pb.Error
	s.update(func() { failed, err = s.receive(message) })
	for _, each := range failed {
		if s.config.Failed != nil {
			s.config.Failed(each)
		}
	}
	return err
}

// renew shows a fresh token when three quarters of the time that the present one has left are over; if there is none
// to be had, again after three quarters of the rest. Without one the connection ends, and the next one asks again.
func (s *Session) renew(ctx context.Context, left time.Duration) {
	for ; left > 100*time.Millisecond; left /= 4 {
		if sleep(ctx, left*3/4) != nil {
			return
		}
		token, err := s.config.Token(ctx)
		if err == nil {
			s.update(func() { s.renewal = token })
			return
		}
		slog.Warn("no fresh token", "session", s.config.ID, "reason", err)
	}
}

func sleep(ctx context.Context, duration time.Duration) error {
	select {
	case <-time.After(duration):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
