// The benchmark's Go peer: a port of the Go original's architecture on today's grpc-go.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"log"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"

	pb "sluice.dev/bench/gen/sluicepb"
)

func main() {
	config := DefaultServerConfig()
	listen := flag.String("listen", "127.0.0.1:0", "address to listen on")
	flag.IntVar(&config.MaxConnections, "max-connections", config.MaxConnections, "capacity of the pool")
	flag.Float64Var(&config.MessagesPerSecond, "throttle", 0, "messages a second a connection is sent; 0 = no limit")
	certFile := flag.String("tls-cert", "", "certificate chain, PEM; none = no TLS")
	keyFile := flag.String("tls-key", "", "its private key, PEM")
	flag.Parse()

	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	server := NewStreamingServer(config)
	options := []grpc.ServerOption{
		grpc.MaxRecvMsgSize(config.MaxMessageBytes),
		grpc.MaxSendMsgSize(config.MaxMessageBytes),
		grpc.ConnectionTimeout(10 * time.Second),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: 30 * time.Second, Timeout: 10 * time.Second}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 15 * time.Second}),
	}
	if *certFile != "" {
		transport, err := credentials.NewServerTLSFromFile(*certFile, *keyFile)
		if err != nil {
			log.Fatal(err)
		}
		options = append(options, grpc.Creds(transport))
	}
	grpcServer := grpc.NewServer(options...)
	pb.RegisterStreamServiceServer(grpcServer, server)
	grpcServer.RegisterService(&exchangeService, exchange{metrics: server.metrics})

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	go watchHealth(ctx, &server.config, server.pool, server.metrics)
	go report(ctx, server)
	go func() {
		<-ctx.Done()
		grpcServer.Stop()
	}()

	ready := map[string]any{"msg": "gateway ready", "grpc": []string{listener.Addr().String()}}
	if err := json.NewEncoder(os.Stdout).Encode(ready); err != nil {
		log.Fatal(err)
	}
	if err := grpcServer.Serve(listener); err != nil {
		log.Fatal(err)
	}
}

// report writes the periodic metrics line.
func report(ctx context.Context, server *StreamingServer) {
	ticker := time.NewTicker(server.config.ReportInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			metrics := server.metrics
			log.Printf("connections=%d received=%d sent=%d receiveErrors=%d sendErrors=%d heartbeats=%d",
				server.pool.Size(), metrics.MessagesReceived.Load(), metrics.MessagesSent.Load(),
				metrics.ReceiveErrors.Load(), metrics.SendErrors.Load(), metrics.HeartbeatsSent.Load())
		}
	}
}
