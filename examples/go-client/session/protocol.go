package session

import (
	"crypto/rand"
	"fmt"

	pb "sluice.dev/examples/go-client/sluicepb"
)

// What a session says and what it makes of what it is told. All of it is called with mu held.

func newToken() []byte {
	token := make([]byte, 16)
	rand.Read(token)
	return token
}

func (s *Session) last() uint64 { return s.acked + uint64(len(s.outbox)) }

// accept takes a payload if the gateway's window has room for it, and returns its last sequence; else 0.
func (s *Session) accept(payload []byte) (uint64, error) {
	if s.over || s.closing {
		return 0, ErrClosed
	}
	if s.window.messages == 0 {
		return 0, nil
	}
	pieces := split(payload, s.largest)
	if !s.window.fits(s.outbox, pieces) {
		if len(s.outbox) > 0 {
			return 0, nil
		}
		return 0, fmt.Errorf("%d bytes in %d messages are more than the gateway's window of %d messages and %d bytes",
			len(payload), len(pieces), s.window.messages, s.window.bytes)
	}
	s.outbox = append(s.outbox, pieces...)
	s.notify()
	return s.last(), nil
}

func split(payload []byte, largest int) []piece {
	var pieces []piece
	for len(payload) > largest {
		pieces = append(pieces, piece{data: payload[:largest], more: true})
		payload = payload[largest:]
	}
	return append(pieces, piece{data: payload})
}

// fits tells whether there is room behind what is held. A single message always fits when nothing is.
func (w window) fits(held, next []piece) bool {
	bytes := 0
	for _, pieces := range [][]piece{held, next} {
		for _, piece := range pieces {
			bytes += len(piece.data)
		}
	}
	messages := len(held) + len(next)
	return messages == 1 || (messages <= w.messages && bytes <= w.bytes)
}

// open is the first message of a connection. Nothing follows it before Opened.
func (s *Session) open() *pb.DataMessage {
	s.attempt++ // so that the newest attachment wins
	s.connections++
	return s.control(&pb.Control{Action: &pb.Control_Open{Open: &pb.Open{
		Route:                s.config.Route,
		Resume:               s.attempt > 1,
		ResumeToken:          s.token,
		Attempt:              s.attempt,
		LastReceivedSequence: s.position,
		WindowMessages:       windowMessages,
		WindowBytes:          windowBytes,
	}}})
}

// next is what is to be written now, nil if that is nothing: an answer, a fresh token, then, after Opened, what the
// window has room for, the ack, at last Close.
func (s *Session) next() *pb.DataMessage {
	if answer := s.answer; answer != nil {
		s.answer = nil
		return answer
	}
	if token := s.renewal; token != "" {
		s.renewal = ""
		return &pb.DataMessage{Type: pb.MessageType_MESSAGE_TYPE_CONTROL, Control: &pb.Control{
			Action: &pb.Control_Authenticate{Authenticate: &pb.Authenticate{Token: token}}}}
	}
	if !s.attached {
		return nil
	}
	flight := s.outbox[:s.written-s.acked]
	if waiting := s.outbox[len(flight):]; len(waiting) > 0 && s.window.fits(flight, waiting[:1]) {
		s.written++
		s.ackDue = false
		return &pb.DataMessage{
			Type:      pb.MessageType_MESSAGE_TYPE_DATA,
			SessionId: s.config.ID,
			Sequence:  s.written,
			Data:      waiting[0].data,
			More:      waiting[0].more,
			Ack:       s.consumed,
		}
	}
	if s.ackDue {
		s.ackDue = false
		return &pb.DataMessage{
			Type: pb.MessageType_MESSAGE_TYPE_ACK, SessionId: s.config.ID, Ack: s.consumed,
		}
	}
	if s.closeDue && s.written == s.last() {
		s.closeDue = false
		return s.control(&pb.Control{Action: &pb.Control_Close{Close: &pb.Close{}}})
	}
	return nil
}

func (s *Session) control(control *pb.Control) *pb.DataMessage {
	return &pb.DataMessage{
		Type: pb.MessageType_MESSAGE_TYPE_CONTROL, SessionId: s.config.ID, Control: control,
	}
}

// receive takes a message of the session, and returns which of ours turned out to have failed.
func (s *Session) receive(message *pb.DataMessage) (failed []*pb.Error, err error) {
	if opened := message.GetControl().GetOpened(); opened != nil {
		if err := s.opened(opened); err != nil {
			return nil, err
		}
	}
	failed = s.settle(message.GetAck()) // an ack comes before what it rides on
	switch message.GetType() {
	case pb.MessageType_MESSAGE_TYPE_UNSPECIFIED, pb.MessageType_MESSAGE_TYPE_DATA:
		return failed, s.received(message, message.GetSequence(), message.GetSequence())
	}
	switch control := message.GetControl().GetAction().(type) {
	case *pb.Control_Gap:
		return failed, s.received(message, control.Gap.GetFromSequence(), control.Gap.GetToSequence())
	case *pb.Control_Error:
		if sequence := control.Error.GetSequence(); s.acked < sequence && sequence <= s.last() {
			s.errors[sequence] = control.Error
		}
	case *pb.Control_Window: // 0 leaves a part as it is
		if messages := int(control.Window.GetMessages()); messages > 0 {
			s.window.messages = messages
		}
		if bytes := int(control.Window.GetBytes()); bytes > 0 {
			s.window.bytes = bytes
		}
	case *pb.Control_Closed:
		if code := control.Closed.GetCode(); code != "" {
			return failed, s.end(&EndedError{Code: code, Reason: control.Closed.GetReason()})
		}
		return failed, s.end(nil)
	}
	return failed, nil
}

func (s *Session) opened(opened *pb.Opened) error {
	if len(opened.GetResumeToken()) == 0 {
		if s.established { // what is unacknowledged was handled or not: the application must know
			return s.end(&EndedError{Code: "GONE", Reason: "the gateway no longer has this session"})
		}
		// The first Open was lost with its connection, and nothing was sent: open afresh.
		s.token, s.attempt = newToken(), 0
		return errLeave
	}
	if held := opened.GetLastReceivedSequence(); held < s.acked || held > s.last() {
		return fmt.Errorf("%w: it has %d of ours, of which %d to %d are not settled", ErrViolation, held, s.acked+1, s.last())
	}
	s.attached, s.established = true, true
	s.window = window{messages: int(opened.GetWindowMessages()), bytes: int(opened.GetWindowBytes())}
	s.written = opened.GetLastReceivedSequence() // what is above it is sent again
	s.ackDue = s.consumed > 0                    // what an older connection was told may be lost
	s.closeDue = s.closing
	return nil
}

func (s *Session) settle(ack uint64) (failed []*pb.Error) {
	for s.acked < min(ack, s.written) {
		s.acked++
		s.outbox[0] = piece{}
		s.outbox = s.outbox[1:]
		if err := s.errors[s.acked]; err != nil {
			failed = append(failed, err)
			delete(s.errors, s.acked)
		}
	}
	return failed
}

func (s *Session) received(message *pb.DataMessage, first, last uint64) error {
	if first != s.position+1 || last < first {
		return fmt.Errorf("%w: %d to %d does not follow %d", ErrViolation, first, last, s.position)
	}
	s.position = last
	select {
	case s.inbox <- message:
		return nil
	default:
		return fmt.Errorf("%w: more is under way than our window of %d messages", ErrViolation, windowMessages)
	}
}

// end is how everything ends; the first reason stays.
func (s *Session) end(err error) error {
	if !s.over {
		s.over, s.err = true, err
	}
	return errLeave
}
