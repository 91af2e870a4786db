// Package session is one conversation with a Sluice gateway that outlives its connections:
// docs/protocol.md as two pages of Go.
package session

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pb "sluice.dev/examples/go-client/sluicepb"
)

// What we are prepared to hold of what the gateway sent and Consume is not done with.
const (
	windowMessages = 256
	windowBytes    = 1 << 20
)

var (
	// ErrClosed is what Send says when the session is over, or Close was called.
	ErrClosed = errors.New("the session is over, or closing")
	// ErrViolation is how Run ends when the gateway did what the protocol forbids.
	ErrViolation = errors.New("the gateway broke the protocol")

	errLeave = errors.New("this connection is of no more use to the session")
)

// EndedError is how Run ends when the gateway has ended the session, or refused it.
type EndedError struct {
	Code   string // of docs/errors.md; GONE where the gateway no longer has the session; else a gRPC status's name
	Reason string // a sentence for people
}

func (e *EndedError) Error() string { return e.Code + ": " + e.Reason }

// Config is what a session needs to know. ID, ClientID and Consume are required.
type Config struct {
	// ID names the session among those of its client.
	ID string
	// ClientID is whose the session is: the same on each connection. Where a token is shown, its subject is.
	ClientID string
	// Route is what the session talks to; "" is the gateway's default route.
	Route string
	// Token returns one that is valid now, without "Bearer ". It is asked before each connection, and again
	// before the token expires. Nil where nobody has to show one.
	Token func(context.Context) (string, error)

	// Consume takes each payload, in order, each once; when it returns, the payload is acknowledged. Its error
	// ends the session on this side, and is what Run returns.
	Consume func(payload []byte) error
	// Lost tells, in its place between two payloads, of messages that will not come. May be nil.
	Lost func(first, last uint64, reason string)
	// Failed tells of a message of ours, by its sequence, that the route could not handle. It is called by
	// another goroutine than the other two, which nothing may hold up. May be nil.
	Failed func(*pb.Error)
}

// Session is made by New and lives in Run. Its methods may be called from anywhere, at any time.
type Session struct {
	config Config
	inbox  chan *pb.DataMessage // received and not consumed; our window bounds it

	mu      sync.Mutex    // guards what follows
	changed chan struct{} // closed, and replaced, when any of it has changed

	token       []byte
	attempt     uint64
	connections int
	established bool // the gateway has had the session
	over        bool
	err         error // what Run returns
	closing     bool

	outbox   []piece              // ours, sequences acked+1 and up; those up to written are under way
	acked    uint64               // the last of ours that the gateway is done with
	written  uint64               // the last of ours that this connection, or the gateway, has
	errors   map[uint64]*pb.Error // of ours that are not settled yet
	window   window               // the gateway's; nothing is sent before it is known
	largest  int                  // bytes of a payload that one message has room for
	position uint64               // the last one received
	consumed uint64               // the last one consumed

	// Of the present connection.
	attached         bool          // Opened has come
	heartbeat        time.Duration // 0 before Welcome
	ackDue, closeDue bool
	answer           *pb.DataMessage // to a health check
	renewal          string          // a fresh token, to be shown
}

type piece struct {
	data []byte
	more bool // the payload goes on in the next one
}

type window struct{ messages, bytes int }

// New makes a session; nothing happens before Run.
func New(config Config) *Session {
	return &Session{
		config:  config,
		inbox:   make(chan *pb.DataMessage, 2*windowMessages+1), // a gap may stand between any two
		changed: make(chan struct{}),
		token:   newToken(),
		errors:  map[uint64]*pb.Error{},
	}
}

// Send returns the payload's sequence (of its last message, if it takes several) as soon as the gateway's window
// has room for it: from then on it is not lost, and must not be changed.
func (s *Session) Send(ctx context.Context, payload []byte) (uint64, error) {
	for {
		s.mu.Lock()
		sequence, err := s.accept(payload)
		changed := s.changed
		s.mu.Unlock()
		if sequence > 0 || err != nil {
			return sequence, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}
}

// Close asks for the end, behind all that was sent; Run returns when it is there. Go on consuming until then.
func (s *Session) Close() {
	s.update(func() { s.closing, s.closeDue = true, true })
}

// Progress is how many messages were sent, how many of those the gateway is done with, and over how many connections.
func (s *Session) Progress() (sent, acknowledged uint64, connections int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last(), s.acked, s.connections
}

// Run keeps the session attached until it is over, and returns nil if that is because of Close, an *EndedError,
// an ErrViolation, what Consume returned, or why ctx is done. Nothing is left running.
func (s *Session) Run(ctx context.Context, target string, options ...grpc.DialOption) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	consuming := make(chan struct{})
	go func() {
		defer close(consuming)
		if err := s.consumeAll(); err != nil {
			cancel(err)
		}
	}()
	failures := 0 // connections in a row that did not get as far as Opened
	for over := false; !over; {
		ending := s.connect(ctx, target, options)
		s.update(func() {
			switch {
			case ctx.Err() != nil:
				s.end(context.Cause(ctx))
			case errors.Is(ending, ErrViolation):
				s.end(ending)
			case s.isFinal(status.Code(ending), failures):
				s.end(ended(status.Convert(ending)))
			}
			failures++
			if s.attached {
				failures = 0
			}
			over, s.attached = s.over, false
		})
		if !over {
			sleep(ctx, backoff(failures, ending))
		}
	}
	close(s.inbox)
	<-consuming // what was received is still consumed
	return s.err
}

// isFinal tells whether it is of no use to try again.
func (s *Session) isFinal(code codes.Code, failures int) bool {
	switch code {
	case codes.InvalidArgument, codes.NotFound, codes.PermissionDenied, codes.Unimplemented:
		return true
	case codes.Unauthenticated: // a token may have expired; a fresh one has not
		return s.config.Token == nil || failures > 0
	default:
		return false
	}
}

func ended(status *status.Status) *EndedError {
	code := status.Code().String()
	for _, detail := range status.Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			code = info.GetReason()
		}
	}
	return &EndedError{Code: code, Reason: status.Message()}
}

// backoff is at random, for a gateway's clients must not all come back at once, and never less than it asked for.
func backoff(failures int, ending error) time.Duration {
	most := min(5*time.Second, 100*time.Millisecond<<min(failures, 10))
	wait := rand.N(most)
	for _, detail := range status.Convert(ending).Details() {
		if retry, ok := detail.(*errdetails.RetryInfo); ok {
			wait = max(wait, retry.GetRetryDelay().AsDuration())
		}
	}
	return wait
}

func (s *Session) consumeAll() error {
	var payload []byte
	for message := range s.inbox {
		last := message.GetSequence()
		if gap := message.GetControl().GetGap(); gap != nil {
			last = gap.GetToSequence()
			if s.config.Lost != nil {
				s.config.Lost(gap.GetFromSequence(), last, gap.GetReason())
			}
		} else {
			payload = append(payload, message.GetData()...)
			if message.GetMore() {
				continue // acknowledged with the last of them: the gateway sees to it that they fit our window
			}
			if err := s.config.Consume(payload); err != nil {
				return err
			}
			payload = nil
		}
		s.update(func() { s.consumed, s.ackDue = last, true })
	}
	return nil
}

// update makes a change and tells everybody who waits for one.
func (s *Session) update(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
	s.notify()
}

func (s *Session) notify() {
	close(s.changed)
	s.changed = make(chan struct{})
}
