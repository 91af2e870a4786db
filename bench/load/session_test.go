package main

import (
	"strings"
	"testing"
)

func windowedSession(t *testing.T, o options, messages, bytes int) *session {
	t.Helper()
	o.windowed = true
	s := newSession(o, 0, "s", payloadOf(o.size, 0), 0)
	if s.hasRoom() {
		t.Fatal("there is room before the session is open")
	}
	if err := s.takeOpened(control{action: fieldOpened, messages: messages, bytes: bytes}); err != nil {
		t.Fatal(err)
	}
	return s
}

func sendAll(s *session) (frames int) {
	for s.hasRoom() {
		s.next()
		frames++
	}
	return frames
}

func TestNoMoreThanTheWindowIsInFlight(t *testing.T) {
	for _, c := range []struct {
		name            string
		o               options
		messages, bytes int
		frames          int
	}{
		{"messages", options{size: 8}, 256, 1 << 20, 256},
		{"bytes", options{size: 1024}, 256, 64 << 10, 64},
		{"whole batches only", options{size: 8, method: "StreamBatches", batch: 10}, 64, 1 << 20, 6},
		{"one always fits", options{size: 4096}, 64, 100, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := windowedSession(t, c.o, c.messages, c.bytes)
			if got := sendAll(s); got != c.frames {
				t.Fatalf("%d frames were sent, wanted %d", got, c.frames)
			}
			// An answer makes no room; its ack does.
			if err := s.takeData(&message{sequence: 1}); err != nil || s.hasRoom() {
				t.Fatalf("room without an ack, or %v", err)
			}
			perFrame := uint64(s.perFrame())
			if newly, err := s.takeAck(perFrame); err != nil || newly != perFrame {
				t.Fatalf("%d newly acknowledged, %v", newly, err)
			}
			if newly, err := s.takeAck(perFrame - 1); err != nil || newly != 0 {
				t.Fatalf("a lower ack says nothing: %d, %v", newly, err)
			}
			if got := sendAll(s); got != 1 {
				t.Fatalf("%d frames fit after the ack of one", got)
			}
		})
	}
}

func TestABatchThatNeverFitsIsToldAtOnce(t *testing.T) {
	o := options{size: 8, method: "StreamBatches", batch: 65, windowed: true}
	s := newSession(o, 0, "s", payloadOf(o.size, 0), 0)
	if err := s.takeOpened(control{messages: 64, bytes: 1 << 20}); err == nil {
		t.Fatal("65 messages fit a window of 64")
	}
}

func TestAnAckOfWhatWasNeverSentIsWrong(t *testing.T) {
	s := windowedSession(t, options{size: 8}, 64, 1<<20)
	s.next()
	if _, err := s.takeAck(2); err == nil {
		t.Fatal("2 was never sent")
	}
}

func TestWhatWasReceivedIsAcknowledgedOnce(t *testing.T) {
	s := windowedSession(t, options{size: 8}, 64, 1<<20)
	if s.owesAck() {
		t.Fatal("nothing has come")
	}
	for sequence := range uint64(3) {
		if err := s.takeData(&message{sequence: sequence + 1}); err != nil {
			t.Fatal(err)
		}
	}
	// It rides on data.
	sent, err := decodeMessage(s.next())
	if err != nil || sent.ack != 3 || sent.sequence != 1 || s.owesAck() {
		t.Fatalf("sequence %d, ack %d, %v; still owed: %t", sent.sequence, sent.ack, err, s.owesAck())
	}
	if err := s.takeData(&message{sequence: 4}); err != nil || !s.owesAck() {
		t.Fatalf("an ack is owed, %v", err)
	}
	alone, err := decodeMessage(s.ack())
	if err != nil || alone.kind != typeAck || alone.ack != 4 || string(alone.sessionID) != "s" || s.owesAck() {
		t.Fatalf("%+v, %v", alone, err)
	}
	if err := s.takeData(&message{sequence: 6}); err == nil {
		t.Fatal("5 is missing")
	}
}

func TestFramesAreReadAsTheyWereWritten(t *testing.T) {
	payload := payloadOf(32, 3)
	f := newFrame("session", payload, 1234, 3, true)
	for _, from := range []uint64{0, 127, 1 << 34} {
		f.number(from, 1<<33+5)
		n := from
		err := eachMessage(f.bytes, func(m message) error {
			if m.kind != typeData || m.sequence != n+1 || m.ack != 1<<33+5 || m.timestamp != 1234 ||
				string(m.sessionID) != "session" {
				t.Errorf("message %d is %+v", n, m)
			}
			err := check(&m, n, payload)
			n++
			return err
		})
		if err != nil || n != from+3 {
			t.Fatalf("%d messages from %d on, %v", n-from, from, err)
		}
	}
}

func TestAnAnswerThatDiffersIsSeen(t *testing.T) {
	payload := payloadOf(16, 0)
	f := newFrame("s", payload, 0, 0, false)
	f.number(contentSample, 0)
	for _, c := range []struct {
		name, wanted string
		spoil        func(m *message)
		expected     uint64
	}{
		{"order", "expected", func(*message) {}, contentSample + 1},
		{"length", "bytes", func(m *message) { m.data = m.data[1:] }, contentSample},
		{"content", "differs", func(m *message) { m.data[15]++ }, contentSample},
	} {
		m, err := decodeMessage(append([]byte(nil), f.bytes...))
		if err != nil {
			t.Fatal(err)
		}
		c.spoil(&m)
		if err := check(&m, c.expected, payload); err == nil || !strings.Contains(err.Error(), c.wanted) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
