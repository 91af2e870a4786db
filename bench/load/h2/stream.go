package h2

import (
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/net/http2/hpack"
)

// Length prefix of a gRPC message: a flag and four bytes of length.
const prefixBytes = 5

var errNoStatus = errors.New("the server ended the stream without a status")

// Handler is told what comes for a call, always with the connection locked.
type Handler interface {
	// Message brings one gRPC message; its bytes are valid during the call only.
	Message(b []byte)
	// Turn comes behind all that a turn has brought for the call, and when there is room again to send.
	Turn()
	// Ended comes once, and nothing after it; nil is the status OK.
	Ended(err error)
}

// Header is one field of a call's metadata.
type Header struct{ Name, Value string }

// Stream is one gRPC call. All its methods want the connection locked.
type Stream struct {
	conn    *Conn
	id      uint32
	handler Handler
	// What flow control lets us send, and what waits for it.
	room    int
	waiting []byte
	written int
	// Received, and not yet given back to the server's window.
	taken int
	// The message that is coming in, where it is not whole in its frame.
	partial []byte

	status    error
	isTouched bool
	isBlocked bool
	closing   bool
	halfDone  bool
	isReset   bool
	isOver    bool
}

// Open begins a call. Ended may come before it returns, where the connection is gone.
func (c *Conn) Open(path string, headers []Header, handler Handler) *Stream {
	s := &Stream{conn: c, id: c.nextID, handler: handler, room: c.streamRoom, status: errNoStatus}
	c.nextID += 2
	if c.failure != nil {
		s.isOver = true
		handler.Ended(c.failure)
		return s
	}
	c.encoded.Reset()
	scheme := "http"
	if c.options.TLS != nil {
		scheme = "https"
	}
	for _, field := range [...]Header{
		{":method", "POST"}, {":scheme", scheme}, {":path", path}, {":authority", "localhost"},
		{"content-type", "application/grpc"}, {"te", "trailers"}, {"user-agent", "sluice-bench"},
	} {
		c.writeField(field)
	}
	for _, field := range headers {
		c.writeField(field)
	}
	c.out = appendFrame(c.out, c.encoded.Len(), headersFrame, flagEndHeaders, s.id)
	c.out = append(c.out, c.encoded.Bytes()...)
	c.streams[s.id] = s
	return s
}

func (c *Conn) writeField(h Header) {
	// Writes to memory: never fails.
	_ = c.encoder.WriteField(hpack.HeaderField{Name: h.Name, Value: h.Value})
}

// Send sends one message, as far as flow control lets it; the rest follows by itself. The bytes are copied.
func (s *Stream) Send(message []byte) {
	c := s.conn
	size := prefixBytes + len(message)
	if s.isOver || s.closing {
		return
	}
	if len(s.waiting) == 0 && size <= s.room && size <= c.room && size <= maxFrame {
		c.out = appendFrame(c.out, size, dataFrame, 0, s.id)
		c.out = appendPrefix(c.out, len(message))
		c.out = append(c.out, message...)
		s.room -= size
		c.room -= size
		return
	}
	if s.written > len(s.waiting)/2 {
		s.waiting = s.waiting[:copy(s.waiting, s.waiting[s.written:])]
		s.written = 0
	}
	s.waiting = append(appendPrefix(s.waiting, len(message)), message...)
	s.write()
}

// HalfClose says that nothing more will be sent, behind all that was.
func (s *Stream) HalfClose() {
	if s.isOver || s.closing {
		return
	}
	s.closing = true
	s.write()
}

// IsReady tells whether the call goes on and nothing waits for flow control.
func (s *Stream) IsReady() bool { return !s.isOver && len(s.waiting) == 0 }

// write sends of what waits as much as flow control lets it.
func (s *Stream) write() {
	c := s.conn
	if s.isOver {
		return
	}
	for s.written < len(s.waiting) {
		size := min(len(s.waiting)-s.written, s.room, c.room, maxFrame)
		if size <= 0 {
			break
		}
		c.out = appendFrame(c.out, size, dataFrame, 0, s.id)
		c.out = append(c.out, s.waiting[s.written:s.written+size]...)
		s.written += size
		s.room -= size
		c.room -= size
	}
	if s.written < len(s.waiting) {
		if s.room > 0 && !s.isBlocked {
			s.isBlocked = true
			c.blocked = append(c.blocked, s)
		}
		return
	}
	s.waiting, s.written = s.waiting[:0], 0
	if s.closing && !s.halfDone {
		s.halfDone = true
		c.out = appendFrame(c.out, 0, dataFrame, flagEndStream, s.id)
	}
}

// resume goes on where flow control has made room.
func (s *Stream) resume() {
	if s.IsReady() {
		return
	}
	s.write()
	if s.IsReady() {
		s.touch()
	}
}

func appendPrefix(b []byte, length int) []byte {
	return binary.BigEndian.AppendUint32(append(b, 0), uint32(length))
}

func (s *Stream) touch() {
	if s.isTouched || s.isOver {
		return
	}
	s.isTouched = true
	s.conn.touched = append(s.conn.touched, s)
}

func (s *Stream) takeData(b []byte) {
	if len(s.partial) > 0 {
		s.partial = append(s.partial, b...)
		b = s.partial
	}
	came := len(b)
	for len(b) >= prefixBytes && !s.isOver {
		end := prefixBytes + int(binary.BigEndian.Uint32(b[1:]))
		if b[0] != 0 {
			s.finish(errors.New("a compressed message"))
			return
		}
		if end > len(b) {
			break
		}
		s.handler.Message(b[prefixBytes:end])
		b = b[end:]
	}
	if len(b) < came || len(s.partial) == 0 {
		// The rest may lie in the same place: append moves as copy does.
		s.partial = append(s.partial[:0], b...)
	}
}

func (s *Stream) takeHeaders(fields []hpack.HeaderField, ends bool) {
	status, text := "", ""
	var refused error
	for _, field := range fields {
		switch field.Name {
		case ":status":
			if field.Value != "200" {
				refused = fmt.Errorf("HTTP status %s", field.Value)
			}
		case "grpc-status":
			status = field.Value
		case "grpc-message":
			text = field.Value
		}
	}
	if refused != nil {
		s.finish(refused)
		return
	}
	if status == "0" {
		s.status = nil
	} else if status != "" {
		s.status = fmt.Errorf("status %s: %s", status, text)
	}
	if ends {
		s.finish(s.status)
	}
}

// finish ends a call that the server has ended, or one of us can't go on with.
func (s *Stream) finish(err error) {
	if s.isOver {
		return
	}
	if !s.halfDone && !s.isReset {
		s.conn.out = appendFrame(s.conn.out, 4, resetFrame, 0, s.id)
		s.conn.out = binary.BigEndian.AppendUint32(s.conn.out, codeCancel)
	}
	delete(s.conn.streams, s.id)
	s.end(err)
}

func (s *Stream) end(err error) {
	if s.isOver {
		return
	}
	s.isOver = true
	s.waiting, s.partial = nil, nil
	s.handler.Ended(err)
}
