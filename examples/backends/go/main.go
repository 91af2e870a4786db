// Command backend is a backend of the gateway: it answers each text in capitals. Change answer, and it is yours.
package main

//go:generate ../../../node_modules/.bin/buf generate ../../../proto --template buf.gen.yaml

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"os/signal"
	"sync"
	"syscall"
	"time"
	"unicode/utf8"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	pb "sluice.dev/examples/backends/go/sluicepb"
)

// How long sessions have when this process is to end; then they go on elsewhere.
const grace = 20 * time.Second

// answer is what the client gets for one of its payloads; nil: nothing. An error refuses this message alone, for good.
func answer(data []byte) ([]byte, error) {
	if !utf8.Valid(data) {
		return nil, errors.New("this is not text")
	}
	return bytes.ToUpper(data), nil
}

type sessions struct {
	pb.UnimplementedSessionServiceServer
	running sync.WaitGroup
}

// Handle is one session, from its opening to its end. The gateway half-closes when it is over; return nil earlier to
// end it from here.
func (s *sessions) Handle(stream pb.SessionService_HandleServer) error {
	s.running.Add(1)
	defer s.running.Done()
	for {
		message, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		var reply *pb.DataMessage
		switch open := message.GetControl().GetOpen(); {
		case open != nil && !open.Resume:
			reply = data([]byte("hello, "+message.Metadata["client-id"]), 0)
		case message.Type == pb.MessageType_MESSAGE_TYPE_DATA:
			// An ack says that this message, and all before it, need not come again: do it first.
			text, err := answer(message.Data)
			switch {
			case err != nil:
				reply = failure(message.Sequence, err)
			case len(text) == 0:
				reply = &pb.DataMessage{Type: pb.MessageType_MESSAGE_TYPE_ACK, Ack: message.Sequence}
			default:
				reply = data(text, message.Sequence)
			}
		default:
			continue // Resumed: another backend had the session before. Or something of a later gateway.
		}
		if err := stream.Send(reply); err != nil {
			return err
		}
	}
}

func data(payload []byte, ack uint64) *pb.DataMessage {
	return &pb.DataMessage{Type: pb.MessageType_MESSAGE_TYPE_DATA, Data: payload, Ack: ack}
}

func failure(sequence uint64, reason error) *pb.DataMessage {
	return &pb.DataMessage{
		Type: pb.MessageType_MESSAGE_TYPE_CONTROL,
		Control: &pb.Control{Action: &pb.Control_Error{
			Error: &pb.Error{Code: "INVALID_MESSAGE", Message: reason.Error(), Sequence: sequence},
		}},
	}
}

func main() {
	address := flag.String("address", "localhost:50061", "where to listen, `host:port`")
	flag.Parse()
	listener, err := net.Listen("tcp", *address)
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer(grpc.MaxRecvMsgSize(16 << 20)) // grpc's own limit is below the gateway's
	watched := health.NewServer()                           // serving, until it is shut down
	healthpb.RegisterHealthServer(server, watched)
	all := &sessions{}
	pb.RegisterSessionServiceServer(server, all)

	told, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	go func() {
		<-told.Done()
		watched.Shutdown() // no new sessions come
		time.AfterFunc(grace, server.Stop)
		all.running.Wait()
		server.Stop() // GracefulStop would wait for whoever watches its health, too
	}()
	fmt.Printf("serving on port %d\n", listener.Addr().(*net.TCPAddr).Port)
	if err := server.Serve(listener); err != nil {
		log.Fatal(err)
	}
}
