package main

import (
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"os"
	"time"
)

type options struct {
	mode        string
	addr        string
	conns       int
	streams     int
	outstanding int
	sessions    int
	size        int
	batch       int
	method      string
	windowed    bool
	rate        float64
	stalled     int
	warmup      time.Duration
	duration    time.Duration
	heartbeat   time.Duration
	serverPID   int
	// Nil: no TLS.
	roots *x509.CertPool
}

func readOptions() (options, error) {
	var o options
	var warmup, seconds, heartbeat float64
	var ca string
	flag.StringVar(&o.mode, "mode", "throughput", "throughput, fanout, ingest, unary or idle")
	flag.StringVar(&o.addr, "addr", "127.0.0.1:50051", "the server")
	flag.StringVar(&ca, "ca", "", "TLS, with the certificate authorities of this file; the server is localhost")
	flag.IntVar(&o.conns, "conns", 4, "TCP connections")
	flag.IntVar(&o.streams, "streams", 20, "streams in all, dealt out to the connections; the subscribers of a fanout")
	flag.IntVar(&o.outstanding, "outstanding", 16, "frames each stream keeps under way at most; of a fanout: messages")
	flag.IntVar(&o.sessions, "sessions", 1, "sessions a stream, in turn")
	flag.IntVar(&o.size, "size", 256, "payload bytes of a message, at least 8")
	flag.IntVar(&o.batch, "batch", 8, "messages a frame with StreamBatches")
	flag.StringVar(&o.method, "method", "StreamData", "StreamData or StreamBatches")
	flag.BoolVar(&o.windowed, "windowed", false, "open each session, number and acknowledge its messages")
	flag.Float64Var(&o.rate, "rate", 0, "messages a second in all, sent when they are due (throughput); 0: a closed loop")
	flag.IntVar(&o.stalled, "stalled", 0, "further clients that send what they may and take nothing (throughput)")
	flag.Float64Var(&warmup, "warmup", 1, "seconds before the measured interval")
	flag.Float64Var(&seconds, "seconds", 5, "seconds of the measured interval, or of the idling")
	flag.Float64Var(&heartbeat, "heartbeat", 20, "seconds between heartbeats (idle)")
	flag.IntVar(&o.serverPID, "server-pid", 0, "also measure the CPU time of this process")
	flag.Parse()
	o.warmup = time.Duration(warmup * float64(time.Second))
	o.duration = time.Duration(seconds * float64(time.Second))
	o.heartbeat = time.Duration(heartbeat * float64(time.Second))
	if ca != "" {
		pem, err := os.ReadFile(ca)
		if err != nil {
			return o, err
		}
		o.roots = x509.NewCertPool()
		if !o.roots.AppendCertsFromPEM(pem) {
			return o, fmt.Errorf("-ca %s: no certificate in it", ca)
		}
	}
	return o, o.check()
}

func (o options) check() error {
	switch {
	case o.size < 8:
		return fmt.Errorf("-size %d: a payload opens with a counter of 8 bytes", o.size)
	case o.method != "StreamData" && o.method != "StreamBatches":
		return fmt.Errorf("-method %q: StreamData or StreamBatches", o.method)
	case o.conns < 1 || o.streams < 1 || o.outstanding < 1 || o.batch < 1 || o.sessions < 1:
		return errors.New("-conns, -streams, -outstanding, -batch and -sessions are at least 1")
	case o.rate < 0 || o.stalled < 0:
		return errors.New("-rate and -stalled are at least 0")
	case (o.rate > 0 || o.stalled > 0) && o.mode != "throughput":
		return errors.New("-rate and -stalled go with -mode throughput")
	}
	return nil
}

// batchSize is how many messages a DataBatch holds; 0: single messages.
func (o options) batchSize() int {
	if o.method == "StreamBatches" {
		return o.batch
	}
	return 0
}

func (o options) perFrame() int { return max(o.batchSize(), 1) }
