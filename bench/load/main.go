// The benchmark's load generator. Prints JSON lines; the last is {"event":"result"} or {"event":"error"}.
//
//	load -mode throughput -addr HOST:PORT   closed loop: each stream keeps -outstanding frames under way
//	load -mode idle -addr HOST:PORT         -conns connections of their own, each with one quiet session
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

type options struct {
	mode        string
	addr        string
	conns       int
	streams     int
	outstanding int
	size        int
	batch       int
	method      string
	warmup      time.Duration
	duration    time.Duration
	heartbeat   time.Duration
	serverPID   int
	windowed    bool
}

func main() {
	var o options
	var warmup, seconds, heartbeat float64
	flag.StringVar(&o.mode, "mode", "throughput", "throughput or idle")
	flag.StringVar(&o.addr, "addr", "127.0.0.1:50051", "the server")
	flag.IntVar(&o.conns, "conns", 4, "TCP connections")
	flag.IntVar(&o.streams, "streams", 20, "streams in all, dealt out to the connections (throughput)")
	flag.IntVar(&o.outstanding, "outstanding", 16, "frames each stream keeps under way (throughput)")
	flag.IntVar(&o.size, "size", 256, "payload bytes of a message, at least 8")
	flag.IntVar(&o.batch, "batch", 8, "messages a frame with StreamBatches")
	flag.StringVar(&o.method, "method", "StreamData", "StreamData or StreamBatches")
	flag.Float64Var(&warmup, "warmup", 1, "seconds before the measured interval")
	flag.Float64Var(&seconds, "seconds", 5, "seconds of the measured interval, or of the idling")
	flag.Float64Var(&heartbeat, "heartbeat", 20, "seconds between heartbeats (idle)")
	flag.BoolVar(&o.windowed, "windowed", false, "open each session, number and acknowledge its messages")
	flag.IntVar(&o.serverPID, "server-pid", 0, "also measure the CPU time of this process")
	flag.Parse()
	o.warmup = time.Duration(warmup * float64(time.Second))
	o.duration = time.Duration(seconds * float64(time.Second))
	o.heartbeat = time.Duration(heartbeat * float64(time.Second))

	// The generator shares the cores with the server: memory is cheaper than collecting it.
	debug.SetGCPercent(400)
	result, err := run(o)
	if err != nil {
		emit(map[string]any{"event": "error", "message": err.Error()})
		os.Exit(1)
	}
	result["event"] = "result"
	emit(result)
}

func run(o options) (map[string]any, error) {
	switch {
	case o.size < 8:
		return nil, fmt.Errorf("-size %d: a payload opens with a counter of 8 bytes", o.size)
	case o.method != "StreamData" && o.method != "StreamBatches":
		return nil, fmt.Errorf("-method %q: StreamData or StreamBatches", o.method)
	case o.conns < 1 || o.streams < 1 || o.outstanding < 1 || o.batch < 1:
		return nil, fmt.Errorf("-conns, -streams, -outstanding and -batch are at least 1")
	case o.mode == "throughput":
		return throughput(o)
	case o.mode == "idle":
		return idle(o)
	}
	return nil, fmt.Errorf("-mode %q: throughput or idle", o.mode)
}

func emit(line map[string]any) {
	_ = json.NewEncoder(os.Stdout).Encode(line)
}

// dial makes a channel with a TCP connection of its own.
func dial(addr string, options ...grpc.DialOption) (*grpc.ClientConn, error) {
	return grpc.NewClient("passthrough:///"+addr, append(options,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDisableServiceConfig(),
		// Without it sent messages are kept for a retry, and buffers could not be used again.
		grpc.WithDisableRetry(),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(rawCodec{})),
	)...)
}

func callPath(method string) string { return "/sluice.v1.StreamService/" + method }

var bidirectional = grpc.StreamDesc{ServerStreams: true, ClientStreams: true}
