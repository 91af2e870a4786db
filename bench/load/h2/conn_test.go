package h2

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// startServer serves over unencrypted HTTP/2 with the standard library.
func startServer(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Start()
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// echoMessages answers each gRPC message with itself, and ends with the status.
func echoMessages(status string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("content-type", "application/grpc")
		w.Header().Set("trailer", "grpc-status, grpc-message")
		_ = http.NewResponseController(w).EnableFullDuplex()
		w.(http.Flusher).Flush()
		prefix := make([]byte, prefixBytes)
		for {
			if _, err := io.ReadFull(r.Body, prefix); err != nil {
				break
			}
			message := make([]byte, binary.BigEndian.Uint32(prefix[1:]))
			if _, err := io.ReadFull(r.Body, message); err != nil {
				break
			}
			_, _ = w.Write(append(prefix, message...))
			w.(http.Flusher).Flush()
		}
		w.Header().Set("grpc-status", status)
		w.Header().Set("grpc-message", "as asked")
	}
}

// collector keeps what a call brings.
type collector struct {
	messages chan []byte
	ended    chan error
}

func newCollector() *collector {
	return &collector{make(chan []byte, 1000), make(chan error, 1)}
}

func (c *collector) Message(b []byte) { c.messages <- append([]byte(nil), b...) }
func (c *collector) Turn()            {}
func (c *collector) Ended(err error)  { c.ended <- err }

func within[T any](t *testing.T, channel chan T) T {
	t.Helper()
	select {
	case value := <-channel:
		return value
	case <-time.After(20 * time.Second):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

func dial(t *testing.T, address string) *Conn {
	t.Helper()
	conn, err := Dial(context.Background(), address, Options{StreamWindow: 128 << 10, ConnectionWindow: 256 << 10})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn
}

func TestMessagesOfAllSizesComeBackInOrderOnEveryStream(t *testing.T) {
	conn := dial(t, startServer(t, echoMessages("0")))
	// More in all than any window holds, so both sides have to give room back.
	sizes := []int{0, 1, 16379, 16380, 70_000, 300_000, 5, 1 << 20}
	const streams = 5
	collectors := make([]*collector, streams)
	for i := range collectors {
		collectors[i] = newCollector()
		conn.Do(func() {
			stream := conn.Open("/test/Echo", []Header{{"x-number", fmt.Sprint(i)}}, collectors[i])
			for _, size := range sizes {
				stream.Send(bytes.Repeat([]byte{byte(i + size)}, size))
			}
			stream.HalfClose()
		})
	}
	for i, c := range collectors {
		for _, size := range sizes {
			if got := within(t, c.messages); !bytes.Equal(got, bytes.Repeat([]byte{byte(i + size)}, size)) {
				t.Fatalf("stream %d: %d bytes are not the %d that were sent", i, len(got), size)
			}
		}
		if err := within(t, c.ended); err != nil {
			t.Fatalf("stream %d: %v", i, err)
		}
	}
}

func TestAStatusThatIsNotOKIsTold(t *testing.T) {
	conn := dial(t, startServer(t, echoMessages("8")))
	c := newCollector()
	conn.Do(func() { conn.Open("/test/Echo", nil, c).HalfClose() })
	if err := within(t, c.ended); err == nil || !strings.Contains(err.Error(), "status 8: as asked") {
		t.Fatalf("ended with %v", err)
	}
}

func TestAnAnswerOtherThan200IsAnErrorWhateverElseItSays(t *testing.T) {
	conn := dial(t, startServer(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("grpc-status", "0")
		w.WriteHeader(http.StatusBadGateway)
	}))
	calls := newCollector()
	conn.Do(func() { conn.Open("/a/B", nil, calls) })
	if err := within(t, calls.ended); err == nil || !strings.Contains(err.Error(), "502") {
		t.Errorf("ended with %v, not with the HTTP status", err)
	}
}

func TestStreamsEndWithTheirConnection(t *testing.T) {
	conn := dial(t, startServer(t, echoMessages("0")))
	first, second := newCollector(), newCollector()
	conn.Do(func() { conn.Open("/test/Echo", nil, first).Send([]byte("hello")) })
	within(t, first.messages)
	conn.Close()
	if err := within(t, first.ended); err != ErrClosed {
		t.Fatalf("ended with %v", err)
	}
	conn.Do(func() { conn.Open("/test/Echo", nil, second) })
	if err := within(t, second.ended); err != ErrClosed {
		t.Fatalf("ended with %v", err)
	}
}

func TestAClientThatTakesNothingIsNotSentMoreThanItsWindow(t *testing.T) {
	conn, err := Dial(context.Background(), startServer(t, echoMessages("0")), Options{HoldWindows: true})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	held, free := newCollector(), dial(t, conn.net.RemoteAddr().String())
	conn.Do(func() {
		stream := conn.Open("/test/Echo", nil, held)
		for range 20 {
			stream.Send(make([]byte, 10_000))
		}
	})
	// What fits 65,535 bytes, and nothing after that.
	for range 6 {
		within(t, held.messages)
	}
	other := newCollector()
	free.Do(func() { free.Open("/test/Echo", nil, other).Send([]byte("hello")) })
	within(t, other.messages)
	if more := len(held.messages); more != 0 {
		t.Fatalf("%d more messages", more)
	}
	if conn.IsGone() {
		t.Fatal("the server has not ended the connection")
	}
}
