// Package h2 is as much of an HTTP/2 client as it takes to put load on a gRPC server: calls and their messages,
// in both directions, on connections that do their work in turns. A turn is what one read from the network has
// brought: all of it is handled, then all that was sent over it goes out in one write. That is how clients on
// an event loop work, and it costs the machine that the generator shares with the server less than goroutines
// for each call.
package h2

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/http2/hpack"
)

const (
	preface       = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	defaultWindow = 65535
	// Every server takes frames of this size, and nobody sends larger ones.
	maxFrame  = 16384
	dialLimit = 15 * time.Second
	// A buffer that a burst has made larger is not kept.
	keptOut = 1 << 20
)

// ErrClosed is how calls end that were under way when their connection was closed from this side.
var ErrClosed = errors.New("the connection was closed")

// Options of one connection.
type Options struct {
	// Nil: plain TCP.
	TLS *tls.Config
	// Flow control: what the server may send ahead on a stream and on all; 0: 65,535 bytes.
	StreamWindow     int
	ConnectionWindow int
	// Never give back what of the windows is used up: the client that takes nothing.
	HoldWindows bool
	// The most a turn takes in.
	ReadBuffer int
}

// Conn is one connection. Its state, that of its streams and what their handlers hold belong to whoever has it
// locked: a turn of its own, or a caller of Do.
type Conn struct {
	mu      sync.Mutex
	net     net.Conn
	options Options
	out     []byte

	encoder *hpack.Encoder
	encoded bytes.Buffer
	decoder *hpack.Decoder
	// The header block that is coming in, over however many frames.
	block       []byte
	blockStream uint32
	blockEnds   bool

	streams map[uint32]*Stream
	nextID  uint32
	// What the server lets us send: on the connection, on a new stream.
	room       int
	streamRoom int
	// Received, and not yet given back to the server's window.
	taken int
	// Streams that something has come for in this turn; streams that wait for the server's window.
	touched []*Stream
	blocked []*Stream

	failure  error
	frozen   atomic.Bool
	closed   chan struct{}
	isClosed sync.Once
}

// Dial connects; nothing is known of the server's answer when it returns.
func Dial(ctx context.Context, address string, options Options) (*Conn, error) {
	if options.StreamWindow == 0 {
		options.StreamWindow = defaultWindow
	}
	options.ConnectionWindow = max(options.ConnectionWindow, defaultWindow)
	if options.ReadBuffer == 0 {
		options.ReadBuffer = 32 << 10
	}
	ctx, cancel := context.WithTimeout(ctx, dialLimit)
	defer cancel()
	var dialer net.Dialer
	socket, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	if options.TLS != nil {
		secured := tls.Client(socket, options.TLS)
		if err := secured.HandshakeContext(ctx); err != nil {
			_ = socket.Close()
			return nil, err
		}
		socket = secured
	}
	c := &Conn{
		net: socket, options: options, decoder: hpack.NewDecoder(4096, nil),
		streams: make(map[uint32]*Stream), nextID: 1,
		room: defaultWindow, streamRoom: defaultWindow,
		closed: make(chan struct{}),
	}
	c.encoder = hpack.NewEncoder(&c.encoded)
	c.out = append(c.out, preface...)
	c.out = appendSettings(c.out, setting{enablePush, 0}, setting{initialWindow, uint32(options.StreamWindow)})
	if grown := options.ConnectionWindow - defaultWindow; grown > 0 {
		c.out = appendWindowUpdate(c.out, 0, grown)
	}
	c.mu.Lock()
	c.flush()
	c.mu.Unlock()
	go c.read()
	return c, nil
}

// Do calls `act` with the connection locked, and sends what it has written.
func (c *Conn) Do(act func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	act()
	c.endTurn()
	c.flush()
}

// Hold is Do without the sending: Flush, or the next turn, sends.
func (c *Conn) Hold(act func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	act()
	c.endTurn()
}

// Flush sends what was held back.
func (c *Conn) Flush() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.flush()
}

// Close ends the connection at once; its streams end with ErrClosed.
func (c *Conn) Close() {
	c.isClosed.Do(func() { close(c.closed) })
	_ = c.net.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fail(ErrClosed)
}

// Freeze stops the reading from the network for good, as a process that hangs does.
func (c *Conn) Freeze() { c.frozen.Store(true) }

func (c *Conn) read() {
	buffer := make([]byte, min(c.options.ReadBuffer, 4<<10))
	filled := 0
	for {
		n, err := c.net.Read(buffer[filled:])
		if c.frozen.Load() {
			<-c.closed
			return
		}
		filled += n
		c.mu.Lock()
		used, wrong := c.takeFrames(buffer[:filled])
		err = errors.Join(err, wrong)
		c.endTurn()
		if err != nil {
			c.fail(c.causeOf(err))
		}
		c.flush()
		c.mu.Unlock()
		if err != nil {
			_ = c.net.Close()
			return
		}
		needed := len(buffer)
		// Full: the next turn may take in more, and a frame that is larger has to fit.
		if filled == len(buffer) && len(buffer) < max(c.options.ReadBuffer, maxFrame+frameHeader) {
			needed *= 2
		}
		if needed > len(buffer) {
			grown := make([]byte, needed)
			copy(grown, buffer[used:filled])
			buffer = grown
		} else if used > 0 {
			copy(buffer, buffer[used:filled])
		}
		filled -= used
	}
}

// takeFrames handles the whole frames at the start of `b` and says how many bytes that were.
func (c *Conn) takeFrames(b []byte) (int, error) {
	used := 0
	for len(b)-used >= frameHeader {
		f := readFrameHeader(b[used:])
		if f.length > maxFrame {
			return used, errors.New("a frame larger than allowed")
		}
		end := used + frameHeader + f.length
		if end > len(b) {
			break
		}
		if err := c.take(f, b[used+frameHeader:end]); err != nil {
			return used, err
		}
		used = end
	}
	return used, nil
}

func (c *Conn) endTurn() {
	// A turn may touch further ones.
	for i := 0; i < len(c.touched); i++ {
		s := c.touched[i]
		s.isTouched = false
		if !s.isOver {
			s.handler.Turn()
		}
	}
	c.touched = c.touched[:0]
}

func (c *Conn) flush() {
	if len(c.out) == 0 || c.failure != nil {
		return
	}
	if _, err := c.net.Write(c.out); err != nil {
		c.fail(c.causeOf(err))
	}
	c.out = c.out[:0]
	if cap(c.out) > keptOut {
		c.out = nil
	}
}

// causeOf is the error, unless that came of closing the connection from this side.
func (c *Conn) causeOf(err error) error {
	select {
	case <-c.closed:
		return ErrClosed
	default:
		return err
	}
}

// fail ends all streams, the first time.
func (c *Conn) fail(err error) {
	if c.failure != nil {
		return
	}
	c.failure = err
	for _, s := range c.streams {
		s.end(err)
	}
}
