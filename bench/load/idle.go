package main

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

const (
	// How many connections are opened at a time.
	openingAtOnce = 32
	// What one connection may take to open, and to be echoed once.
	echoLimit = 15 * time.Second
	// How many different errors are reported.
	errorsReported = 5
)

// idler is one connection with one session.
type idler struct {
	channel   *grpc.ClientConn
	stream    grpc.ClientStream
	sessionID string
	payload   []byte
	// One writer at a time: the heartbeat, or the answer to a probe.
	sending sync.Mutex
	echoed  chan error
	// Whether its session is opened, and how many messages it has sent there.
	windowed bool
	sent     uint64
	// Why the stream ended; nil while it lives.
	ended atomic.Pointer[error]

	heartbeats *atomic.Int64
	probes     *atomic.Int64
}

func openIdler(ctx context.Context, o options, number int, heartbeats, probes *atomic.Int64) (*idler, error) {
	channel, err := dial(o.addr,
		// Thousands of connections: buffers as small as the traffic.
		grpc.WithReadBufferSize(1024), grpc.WithWriteBufferSize(1024))
	if err != nil {
		return nil, err
	}
	call := metadata.AppendToOutgoingContext(ctx, "x-client-id", fmt.Sprintf("idle-%05d", number))
	stream, err := channel.NewStream(call, &bidirectional, callPath("StreamData"))
	if err != nil {
		_ = channel.Close()
		return nil, err
	}
	idler := &idler{
		channel: channel, stream: stream,
		sessionID: fmt.Sprintf("session-%05d", number), payload: payloadOf(o.size, number),
		echoed: make(chan error, 1), heartbeats: heartbeats, probes: probes, windowed: o.windowed,
	}
	go idler.receive()
	if idler.windowed {
		if err := idler.send(encodeOpen(idler.sessionID, false)); err != nil {
			_ = channel.Close()
			return nil, err
		}
	}
	if err := idler.echo(ctx); err != nil {
		_ = channel.Close()
		return nil, err
	}
	return idler, nil
}

func (c *idler) receive() {
	for {
		if err := c.stream.RecvMsg(c); err != nil {
			c.ended.Store(&err)
			c.settle(err)
			return
		}
	}
}

func (c *idler) readFrame(frame []byte) error {
	m, err := decodeMessage(frame)
	if err != nil {
		return err
	}
	switch m.kind {
	case typeUnspecified, typeData:
		if !bytes.Equal(m.data, c.payload) {
			return fmt.Errorf("%s: the echo differs from what was sent", c.sessionID)
		}
		c.settle(nil)
		if c.windowed {
			return c.send(encodeAck(c.sessionID, m.sequence))
		}
	case typeHeartbeat:
		c.heartbeats.Add(1)
	case typeHealthCheck:
		if m.ack == 0 {
			c.probes.Add(1)
			return c.send(encodeProbeAnswer(m))
		}
	}
	return nil
}

func (c *idler) settle(err error) {
	select {
	case c.echoed <- err:
	default:
	}
}

func (c *idler) send(frame []byte) error {
	c.sending.Lock()
	defer c.sending.Unlock()
	return c.stream.SendMsg(frame)
}

// echo sends one DATA message of the session and waits for its answer.
func (c *idler) echo(ctx context.Context) error {
	frame := encodeData(c.sessionID, c.payload, time.Now().UnixMilli(), c.windowed)
	if c.windowed {
		c.sent++
		putPadded(frame[sequenceAt:], c.sent)
		// What came is acknowledged by itself, when it comes.
		putPadded(frame[ackAt:], c.sent-1)
	}
	if err := c.send(frame); err != nil {
		if ended := c.ended.Load(); ended != nil {
			return *ended
		}
		return err
	}
	timer := time.NewTimer(echoLimit)
	defer timer.Stop()
	select {
	case err := <-c.echoed:
		return err
	case <-timer.C:
		return fmt.Errorf("%s: no echo within %s", c.sessionID, echoLimit)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// idle opens the connections, keeps them with heartbeats, and ends with one more echo on each: who answers it
// is still connected.
func idle(o options) (map[string]any, error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var heartbeats, probes atomic.Int64
	var failures failureList
	idlers := make([]*idler, o.conns)
	started := time.Now()
	inParallel(o.conns, func(i int) {
		var err error
		idlers[i], err = openIdler(ctx, o, i, &heartbeats, &probes)
		failures.note("open", err)
	})
	defer inParallel(o.conns, func(i int) {
		if idlers[i] != nil {
			_ = idlers[i].channel.Close()
		}
	})
	opened := 0
	for _, idler := range idlers {
		if idler != nil {
			opened++
		}
	}
	emit(map[string]any{"event": "connected", "connections": opened, "seconds": time.Since(started).Seconds()})

	sent := beat(ctx, o, idlers, &failures)
	var connected atomic.Int64
	inParallel(o.conns, func(i int) {
		if idlers[i] == nil {
			return
		}
		err := idlers[i].echo(ctx)
		failures.note("last echo", err)
		if err == nil {
			connected.Add(1)
		}
	})
	return map[string]any{
		"wanted":             o.conns,
		"opened":             opened,
		"connected":          connected.Load(),
		"seconds":            time.Since(started).Seconds(),
		"heartbeatsSent":     sent,
		"heartbeatsReceived": heartbeats.Load(),
		"probesAnswered":     probes.Load(),
		"errors":             failures.first(),
		"generatorCpu":       ownCPU(),
	}, nil
}

// beat sends each connection's heartbeat once an interval, spread over it, for the whole duration.
func beat(ctx context.Context, o options, idlers []*idler, failures *failureList) (sent int64) {
	const slice = 100 * time.Millisecond
	started := time.Now()
	ticker := time.NewTicker(slice)
	defer ticker.Stop()
	next := 0
	for time.Since(started) < o.duration {
		<-ticker.C
		due := int(float64(time.Since(started)) / float64(o.heartbeat) * float64(len(idlers)))
		for ; next < due; next++ {
			idler := idlers[next%len(idlers)]
			if idler == nil || idler.ended.Load() != nil || ctx.Err() != nil {
				continue
			}
			if err := idler.send(encodeHeartbeat(time.Now().UnixMilli())); err != nil {
				failures.note("heartbeat", err)
				continue
			}
			sent++
		}
	}
	return sent
}

func inParallel(count int, do func(i int)) {
	var next atomic.Int64
	var group sync.WaitGroup
	for range openingAtOnce {
		group.Go(func() {
			for i := int(next.Add(1) - 1); i < count; i = int(next.Add(1) - 1) {
				do(i)
			}
		})
	}
	group.Wait()
}

type failureList struct {
	mu     sync.Mutex
	counts map[string]int
}

func (f *failureList) note(where string, err error) {
	if err == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.counts == nil {
		f.counts = make(map[string]int)
	}
	text := where + ": " + err.Error()
	if _, known := f.counts[text]; !known && len(f.counts) >= errorsReported {
		text = "others"
	}
	f.counts[text]++
}

func (f *failureList) first() map[string]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.counts
}
