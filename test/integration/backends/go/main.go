// Command go is the backend of the proxy tests on grpc-go: it does with each call what its metadata say (play-steps.ts).
package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"hash"
	"io"
	"log"
	"math"
	"net"
	"os/signal"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

const service = "/foreign.Calls/"

// codec takes messages as they are, beside those of protobuf (health).
type codec struct{}

func (codec) Name() string { return "proto" }

func (codec) Marshal(message any) (mem.BufferSlice, error) {
	switch m := message.(type) {
	case []byte:
		return mem.BufferSlice{mem.SliceBuffer(m)}, nil
	case proto.Message:
		encoded, err := proto.Marshal(m)
		return mem.BufferSlice{mem.SliceBuffer(encoded)}, err
	}
	return nil, fmt.Errorf("neither bytes nor protobuf: %T", message)
}

func (codec) Unmarshal(data mem.BufferSlice, message any) error {
	switch m := message.(type) {
	case *[]byte:
		*m = data.Materialize()
		return nil
	case proto.Message:
		return proto.Unmarshal(data.Materialize(), m)
	}
	return fmt.Errorf("neither bytes nor protobuf: %T", message)
}

type play struct {
	stream                grpc.ServerStream
	read, sent            atomic.Int64
	halfClosed, cancelled atomic.Bool
	over                  chan struct{}
	hash                  hash.Hash
	bytes                 int
}

type report struct {
	Read       int64 `json:"read"`
	Sent       int64 `json:"sent"`
	HalfClosed bool  `json:"halfClosed"`
	Over       bool  `json:"over"`
	Cancelled  bool  `json:"cancelled"`
}

func (p *play) report() []byte {
	over := false
	select {
	case <-p.over:
		over = true
	default:
	}
	text, _ := json.Marshal(report{p.read.Load(), p.sent.Load(), p.halfClosed.Load(), over, p.cancelled.Load()})
	return text
}

func (p *play) run(steps [][]json.RawMessage) error {
	for _, step := range steps {
		var name string
		if err := json.Unmarshal(step[0], &name); err != nil {
			return err
		}
		if err := p.do(name, step[1:]); err != nil {
			return err
		}
	}
	return nil
}

func (p *play) do(name string, arguments []json.RawMessage) error {
	number := func(n int) int {
		var value int
		_ = json.Unmarshal(arguments[n], &value)
		return value
	}
	ctx := p.stream.Context()
	switch name {
	case "headers":
		return p.stream.SendHeader(entries(arguments[0]))
	case "echo":
		return p.messages(number(0), p.send)
	case "read":
		return p.messages(number(0), func([]byte) error { return nil })
	case "send":
		for n := range number(0) {
			message := make([]byte, number(1))
			for i := range message {
				message[i] = byte(n % 251)
			}
			if err := p.send(message); err != nil {
				return err
			}
		}
	case "digest":
		return p.sendJSON(map[string]any{
			"messages": p.read.Load(), "bytes": p.bytes, "sha256": hex.EncodeToString(p.hash.Sum(nil)),
		})
	case "seen":
		return p.sendJSON(seen(ctx))
	case "gzip":
		return grpc.SetSendCompressor(ctx, gzip.Name)
	case "trailers":
		p.stream.SetTrailer(entries(arguments[0]))
	case "end":
		var message string
		_ = json.Unmarshal(arguments[1], &message)
		return status.Error(codes.Code(number(0)), message)
	case "sleep":
		time.Sleep(time.Duration(number(0)) * time.Millisecond)
	case "wait":
		<-ctx.Done()
		return ctx.Err()
	default:
		return fmt.Errorf("no such step: %s", name)
	}
	return nil
}

func (p *play) messages(count int, each func([]byte) error) error {
	for ; count != 0; count-- {
		var message []byte
		err := p.stream.RecvMsg(&message)
		if errors.Is(err, io.EOF) {
			p.halfClosed.Store(true)
			return nil
		}
		if err != nil {
			return err
		}
		p.read.Add(1)
		p.bytes += len(message)
		p.hash.Write(message)
		if err := each(message); err != nil {
			return err
		}
	}
	return nil
}

func (p *play) send(message []byte) error {
	if err := p.stream.SendMsg(message); err != nil {
		return err
	}
	p.sent.Add(1)
	return nil
}

func (p *play) sendJSON(value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return p.send(text)
}

func entries(argument json.RawMessage) metadata.MD {
	var pairs [][2]string
	_ = json.Unmarshal(argument, &pairs)
	md := metadata.MD{}
	for _, pair := range pairs {
		value := pair[1]
		if strings.HasSuffix(pair[0], "-bin") {
			decoded, _ := base64.StdEncoding.DecodeString(value)
			value = string(decoded)
		}
		md.Append(pair[0], value)
	}
	return md
}

// seen is what came with the call, in the form that every backend gives it.
func seen(ctx context.Context) map[string]any {
	md, _ := metadata.FromIncomingContext(ctx)
	all := map[string][]string{}
	for name, values := range md {
		for _, value := range values {
			if strings.HasSuffix(name, "-bin") {
				value = base64.StdEncoding.EncodeToString([]byte(value))
			}
			all[name] = append(all[name], value)
		}
	}
	var remaining any
	if deadline, is := ctx.Deadline(); is {
		remaining = float64(time.Until(deadline)) / float64(time.Millisecond)
	}
	return map[string]any{"metadata": all, "remainingMs": remaining}
}

type calls struct{ plays sync.Map }

func (c *calls) handle(_ any, stream grpc.ServerStream) error {
	method, _ := grpc.MethodFromServerStream(stream)
	switch {
	case method == service+"Look" || method == service+"Report":
		var name []byte
		if err := stream.RecvMsg(&name); err != nil {
			return err
		}
		found, is := c.plays.Load(string(name))
		if !is {
			return status.Error(codes.NotFound, "no such call")
		}
		p := found.(*play)
		if method == service+"Report" {
			<-p.over
		}
		return stream.SendMsg(p.report())
	case !strings.HasPrefix(method, service):
		return status.Error(codes.Unimplemented, "not served")
	}
	md, _ := metadata.FromIncomingContext(stream.Context())
	var steps [][]json.RawMessage
	if err := json.Unmarshal([]byte(strings.Join(md["x-steps"], "")), &steps); err != nil {
		return status.Error(codes.InvalidArgument, err.Error())
	}
	p := &play{stream: stream, over: make(chan struct{}), hash: sha256.New()}
	for _, name := range md["x-call"] {
		c.plays.Store(name, p)
	}
	err := p.run(steps)
	p.cancelled.Store(stream.Context().Err() != nil)
	close(p.over)
	return err
}

func main() {
	address := flag.String("address", "127.0.0.1:0", "where to listen, `host:port`")
	flag.Parse()
	listener, err := net.Listen("tcp", *address)
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer(
		grpc.ForceServerCodecV2(codec{}),
		grpc.UnknownServiceHandler((&calls{}).handle),
		grpc.MaxRecvMsgSize(math.MaxInt32),
		grpc.MaxSendMsgSize(math.MaxInt32),
	)
	watched := health.NewServer()
	healthpb.RegisterHealthServer(server, watched)
	told, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	go func() {
		<-told.Done()
		watched.Shutdown()
		time.AfterFunc(10*time.Second, server.Stop)
		server.GracefulStop()
	}()
	fmt.Printf("serving on port %d\n", listener.Addr().(*net.TCPAddr).Port)
	if err := server.Serve(listener); err != nil {
		log.Fatal(err)
	}
}
