package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

const (
	// A run without a single answer for this long has failed.
	stallLimit = 10 * time.Second
	// Every payload's counter is checked; one payload in so many is compared byte by byte.
	contentSample = 64
)

type phase int32

const (
	warmingUp phase = iota
	measuring
	stopping
)

// worker is one stream. It sends a frame for each whole frame that has come back, so the loop is closed and a
// frame's buffer is free again when its echo is here.
type worker struct {
	phase   *atomic.Int32
	stream  grpc.ClientStream
	batched bool
	// The Open that comes first, where sessions are opened.
	open    []byte
	payload []byte
	frames  []frame
	sentAt  []time.Time

	framesSent uint64
	counter    uint64
	expected   uint64
	now        time.Time
	latency    histogram
	// Read by the main goroutine while this one writes.
	received atomic.Uint64
	others   atomic.Uint64
}

func (w *worker) send() error {
	slot := w.framesSent % uint64(len(w.frames))
	w.counter = w.frames[slot].number(w.counter, w.expected)
	w.sentAt[slot] = time.Now()
	w.framesSent++
	return w.stream.SendMsg(w.frames[slot].bytes)
}

func (w *worker) readFrame(bytes []byte) error {
	w.now = time.Now()
	if w.batched {
		return eachMessage(bytes, w.take)
	}
	m, err := decodeMessage(bytes)
	if err != nil {
		return err
	}
	return w.take(m)
}

// take checks one answer: order and count by the payload's counter, content by sample.
func (w *worker) take(m message) error {
	if m.kind != typeData && m.kind != typeUnspecified {
		w.others.Add(1)
		return nil
	}
	if len(m.data) != len(w.payload) {
		return fmt.Errorf("an answer of %d bytes to a payload of %d", len(m.data), len(w.payload))
	}
	if got := binary.LittleEndian.Uint64(m.data); got != w.expected {
		return fmt.Errorf("answer %d where %d was expected", got, w.expected)
	}
	if w.expected%contentSample == 0 && !bytes.Equal(m.data[8:], w.payload[8:]) {
		return fmt.Errorf("answer %d differs from what was sent", w.expected)
	}
	if phase(w.phase.Load()) == measuring {
		perFrame := uint64(len(w.frames[0].payloads))
		w.latency.record(w.now.Sub(w.sentAt[w.expected/perFrame%uint64(len(w.frames))]))
	}
	w.expected++
	return nil
}

func (w *worker) run() error {
	perFrame := uint64(len(w.frames[0].payloads))
	if w.open != nil {
		if err := w.stream.SendMsg(w.open); err != nil {
			return w.failure(err)
		}
		// Welcome and Opened.
		for w.others.Load() < 2 {
			if err := w.stream.RecvMsg(w); err != nil {
				return w.failure(err)
			}
		}
	}
	for range w.frames {
		if err := w.send(); err != nil {
			return w.failure(err)
		}
	}
	for {
		if w.expected == w.counter {
			break
		}
		if err := w.stream.RecvMsg(w); err != nil {
			return w.failure(err)
		}
		w.received.Store(w.expected)
		for phase(w.phase.Load()) != stopping && w.framesSent-w.expected/perFrame < uint64(len(w.frames)) {
			if err := w.send(); err != nil {
				return w.failure(err)
			}
		}
	}
	if err := w.stream.CloseSend(); err != nil {
		return err
	}
	for {
		err := w.stream.RecvMsg(w)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return w.failure(err)
		}
	}
	if w.expected != w.counter {
		return fmt.Errorf("%d answers to %d messages", w.expected, w.counter)
	}
	return nil
}

// failure replaces io.EOF, which on an open stream only says that the status has to be asked for.
func (w *worker) failure(err error) error {
	if errors.Is(err, io.EOF) {
		if status := w.stream.RecvMsg(w); status != nil && !errors.Is(status, io.EOF) {
			return status
		}
		return fmt.Errorf("the server ended the stream after %d answers", w.expected)
	}
	return err
}

func throughput(o options) (map[string]any, error) {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	var current atomic.Int32
	workers, closeAll, err := openWorkers(ctx, o, &current)
	defer closeAll()
	if err != nil {
		return nil, err
	}
	var group sync.WaitGroup
	for _, w := range workers {
		group.Go(func() {
			if err := w.run(); err != nil {
				cancel(err)
			}
		})
	}
	received := func() (sum uint64) {
		for _, w := range workers {
			sum += w.received.Load()
		}
		return sum
	}
	go watchProgress(ctx, cancel, received)

	wait(ctx, o.warmup)
	serverBefore, serverKnown := processCPU(o.serverPID)
	ownBefore, started, before := ownCPU(), time.Now(), received()
	current.Store(int32(measuring))
	wait(ctx, o.duration)
	messages := received() - before
	serverAfter, stillKnown := processCPU(o.serverPID)
	seconds, own := time.Since(started).Seconds(), ownCPU()-ownBefore
	current.Store(int32(stopping))
	group.Wait()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}

	var latency histogram
	var others uint64
	for _, w := range workers {
		latency.add(&w.latency)
		others += w.others.Load()
	}
	result := map[string]any{
		"messages":          messages,
		"seconds":           seconds,
		"messagesPerSecond": float64(messages) / seconds,
		"p50Ms":             latency.quantileMs(0.5),
		"p99Ms":             latency.quantileMs(0.99),
		"p999Ms":            latency.quantileMs(0.999),
		"generatorCpu":      own,
		"otherMessages":     others,
	}
	if serverKnown && stillKnown {
		result["serverCpu"] = serverAfter - serverBefore
	}
	return result, nil
}

func openWorkers(ctx context.Context, o options, current *atomic.Int32) ([]*worker, func(), error) {
	var channels []*grpc.ClientConn
	closeAll := func() {
		for _, channel := range channels {
			_ = channel.Close()
		}
	}
	for range o.conns {
		channel, err := dial(o.addr)
		if err != nil {
			return nil, closeAll, err
		}
		channels = append(channels, channel)
	}
	batch := 0
	if o.method == "StreamBatches" {
		batch = o.batch
	}
	var workers []*worker
	for i := range o.streams {
		call := metadata.AppendToOutgoingContext(ctx, "x-client-id", fmt.Sprintf("load-%04d", i))
		stream, err := channels[i%len(channels)].NewStream(call, &bidirectional, callPath(o.method))
		if err != nil {
			return nil, closeAll, err
		}
		w := &worker{phase: current, stream: stream, batched: batch > 0, payload: payloadOf(o.size, i)}
		sessionID := fmt.Sprintf("session-%04d", i)
		if o.windowed {
			w.open = encodeOpen(sessionID, batch > 0)
		}
		for range o.outstanding {
			w.frames = append(w.frames, newFrame(sessionID, w.payload, time.Now().UnixMilli(), batch, o.windowed))
		}
		w.sentAt = make([]time.Time, o.outstanding)
		workers = append(workers, w)
	}
	return workers, closeAll, nil
}

// payloadOf gives each stream bytes of its own, so that an answer on the wrong stream is seen.
func payloadOf(size, stream int) []byte {
	payload := make([]byte, size)
	for i := range payload {
		payload[i] = byte(i*7 + stream*31)
	}
	return payload
}

func watchProgress(ctx context.Context, cancel context.CancelCauseFunc, received func() uint64) {
	last := received()
	for wait(ctx, stallLimit) {
		now := received()
		if now == last {
			cancel(fmt.Errorf("no answer for %s after %d messages", stallLimit, now))
			return
		}
		last = now
	}
}

// wait is false when the context ended first.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
