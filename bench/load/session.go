package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// Every payload's counter is checked; one payload in so many is compared byte by byte.
const contentSample = 64

// session is one conversation, from the client's side. Windowed, it is opened before anything is sent, both
// directions are numbered, and what is in flight upwards stays within the window that Opened grants; the window
// downwards is the server's default, to be kept by the server.
type session struct {
	// Which of its stream's.
	index    int
	id       string
	windowed bool
	frame    frame
	payload  []byte

	// Windowed: whether Opened has come, and what it grants.
	opened         bool
	windowMessages int
	windowBytes    int
	// Messages sent, and of those the ones that the server has acknowledged.
	sent  uint64
	acked uint64
	// Messages received, the last sequence among them, and the last that was acknowledged to the server.
	received uint64
	position uint64
	told     uint64
	// Whether it is noted among those that owe an ack in this turn.
	owing bool
}

func newSession(o options, index int, id string, payload []byte, timestampMs int64) *session {
	return &session{
		index: index, id: id, windowed: o.windowed, payload: payload, opened: !o.windowed,
		frame: newFrame(id, payload, timestampMs, o.batchSize(), o.windowed),
	}
}

// hasRoom tells whether the window has room for another frame. One message always fits when nothing is in flight.
func (s *session) hasRoom() bool {
	if !s.windowed {
		return true
	}
	if !s.opened {
		return false
	}
	messages := int(s.sent-s.acked) + s.perFrame()
	if messages == 1 {
		return true
	}
	return messages <= s.windowMessages && messages*len(s.payload) <= s.windowBytes
}

func (s *session) perFrame() int { return len(s.frame.payloads) }

// next is the next frame to send, with the ack of all that came; valid until the next call.
func (s *session) next() []byte {
	s.frame.number(s.sent, s.position)
	s.sent += uint64(s.perFrame())
	s.told = s.position
	return s.frame.bytes
}

func (s *session) owesAck() bool { return s.windowed && s.told < s.position }

// ack is the message that acknowledges all that came.
func (s *session) ack() []byte {
	s.told = s.position
	return encodeAck(s.id, s.position)
}

// takeOpened begins the session.
func (s *session) takeOpened(c control) error {
	if !s.windowed || s.opened {
		return fmt.Errorf("%s was opened and not asked to", s.id)
	}
	s.opened, s.windowMessages, s.windowBytes = true, c.messages, c.bytes
	if n := s.perFrame(); n > 1 && (n > c.messages || n*len(s.payload) > c.bytes) {
		return fmt.Errorf("a frame of %d messages does not fit the window of %d messages and %d bytes",
			n, c.messages, c.bytes)
	}
	return nil
}

// takeAck returns how many messages it newly acknowledges.
func (s *session) takeAck(ack uint64) (uint64, error) {
	if !s.windowed || ack <= s.acked {
		return 0, nil
	}
	if ack > s.sent {
		return 0, fmt.Errorf("%s: ack %d after %d messages", s.id, ack, s.sent)
	}
	newly := ack - s.acked
	s.acked = ack
	return newly, nil
}

// takeData notes one message from the server.
func (s *session) takeData(m *message) error {
	if s.windowed {
		if m.sequence != s.position+1 {
			return fmt.Errorf("%s: sequence %d after %d", s.id, m.sequence, s.position)
		}
		s.position = m.sequence
	}
	s.received++
	return nil
}

// check compares a payload with the one expected: its counter, and the rest by sample.
func check(m *message, expected uint64, payload []byte) error {
	if len(m.data) != len(payload) {
		return fmt.Errorf("an answer of %d bytes to a payload of %d", len(m.data), len(payload))
	}
	if got := counterOf(m); got != expected {
		return fmt.Errorf("answer %d where %d was expected", got, expected)
	}
	if expected%contentSample == 0 && !bytes.Equal(m.data[8:], payload[8:]) {
		return fmt.Errorf("answer %d differs from what was sent", expected)
	}
	return nil
}

// counterOf is what a payload opens with.
func counterOf(m *message) uint64 { return binary.LittleEndian.Uint64(m.data) }

// payloadOf gives each stream bytes of its own, so that an answer on the wrong stream is seen.
func payloadOf(size, stream int) []byte {
	payload := make([]byte, size)
	for i := range payload {
		payload[i] = byte(i*7 + stream*31)
	}
	return payload
}
