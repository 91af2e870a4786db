package main

import (
	"context"
	"time"

	"google.golang.org/grpc"

	pb "sluice.dev/bench/gen/sluicepb"
)

// The echo as a unary call, for what streaming saves. Described by hand, as the generator would: the messages are
// the stream's own.
var exchangeService = grpc.ServiceDesc{
	ServiceName: "sluice.bench.v1.Exchange",
	HandlerType: (*exchangeServer)(nil),
	Methods:     []grpc.MethodDesc{{MethodName: "Echo", Handler: handleExchangeEcho}},
	Metadata:    "bench",
}

type exchangeServer interface {
	Echo(ctx context.Context, message *pb.DataMessage) (*pb.DataMessage, error)
}

type exchange struct{ metrics *StreamMetrics }

func (e exchange) Echo(_ context.Context, message *pb.DataMessage) (*pb.DataMessage, error) {
	e.metrics.MessagesReceived.Add(1)
	e.metrics.BytesReceived.Add(int64(len(message.Data)))
	reply := echoHandler{}.Handle(message, time.Now())
	e.metrics.MessagesSent.Add(1)
	e.metrics.BytesSent.Add(int64(len(reply.Data)))
	return reply, nil
}

// No interceptor is ever installed.
func handleExchangeEcho(
	server any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor,
) (any, error) {
	message := new(pb.DataMessage)
	if err := decode(message); err != nil {
		return nil, err
	}
	return server.(exchangeServer).Echo(ctx, message)
}
