package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"sluice.dev/bench/load/h2"
)

const (
	// A run without any progress for this long has failed.
	stallLimit = 10 * time.Second
	// How many connections are opened at a time.
	openingAtOnce = 32
	// How often a windowed stream that may be silent says that it lives: the server waits 25 s.
	beatInterval = 10 * time.Second
	// What servers may send ahead of our reading: as much as clients grant that adapt their windows.
	streamWindow     = 1 << 20
	connectionWindow = 4 << 20
	// With many connections each brings little at a time.
	manyConnections = 256
	smallRead       = 8 << 10
)

var errDone = errors.New("the run is over")

// run is what all streams of a run have in common.
type run struct {
	options options
	base    time.Time
	ctx     context.Context
	cancel  context.CancelCauseFunc
	// The measured interval, as now() counts.
	from atomic.Int64
	to   atomic.Int64
	// All streams are open and may send.
	started atomic.Bool
	// No more is to be sent than what is due; streams end when everything is answered.
	stopping    atomic.Bool
	connections []*connection
	links       []*link
	// Those that have not ended, and who makes more due.
	streams sync.WaitGroup
	pacing  sync.WaitGroup
	// Clients that stall, until they are gone.
	stalling sync.WaitGroup
}

// tally is what the streams of one connection count.
type tally struct {
	// Messages that are done, at the end of each turn.
	done atomic.Uint64
	// Messages due within the measured interval that an open loop sent late.
	late    uint64
	latency histogram
}

func newRun(o options) *run {
	r := &run{options: o, base: time.Now()}
	r.ctx, r.cancel = context.WithCancelCause(context.Background())
	r.from.Store(math.MaxInt64)
	r.to.Store(math.MaxInt64)
	return r
}

// now is nanoseconds since the run began; never 0.
func (r *run) now() int64 { return int64(time.Since(r.base)) + 1 }

// fail ends the run, the first time.
func (r *run) fail(err error) { r.cancel(err) }

// failure is why the run failed; nil: it has not.
func (r *run) failure() error {
	if err := context.Cause(r.ctx); !errors.Is(err, errDone) {
		return err
	}
	return nil
}

// connect opens so many connections.
func (r *run) connect(count int) error {
	opened := make([]*connection, count)
	inParallel(count, func(i int) {
		if r.ctx.Err() != nil {
			return
		}
		conn, err := r.dial(h2.Options{})
		if err != nil {
			r.fail(err)
			return
		}
		opened[i] = &connection{Conn: conn}
	})
	for _, conn := range opened {
		if conn != nil {
			r.connections = append(r.connections, conn)
		}
	}
	return r.failure()
}

func (r *run) dial(o h2.Options) (*h2.Conn, error) {
	if r.options.roots != nil {
		o.TLS = &tls.Config{RootCAs: r.options.roots, ServerName: "localhost", NextProtos: []string{"h2"}}
	}
	if o.StreamWindow == 0 {
		o.StreamWindow, o.ConnectionWindow = streamWindow, connectionWindow
	}
	if r.options.conns > manyConnections {
		o.ReadBuffer = smallRead
	}
	return h2.Dial(r.ctx, r.options.addr, o)
}

func (r *run) close() {
	r.cancel(errDone)
	r.stalling.Wait()
	inParallel(len(r.connections), func(i int) { r.connections[i].Close() })
}

// awaitOpened waits until all sessions of all links are open.
func (r *run) awaitOpened() error {
	limit := time.Now().Add(stallLimit)
	for _, l := range r.links {
		for l.opening.Load() > 0 {
			if !wait(r.ctx, time.Millisecond) {
				return r.failure()
			}
			if time.Now().After(limit) {
				return fmt.Errorf("not all sessions were open after %s", stallLimit)
			}
		}
	}
	return r.failure()
}

func (r *run) done() (sum uint64) {
	for _, conn := range r.connections {
		sum += conn.done.Load()
	}
	return sum
}

// finish tells all streams that nothing more is asked of them, and waits for their ends.
func (r *run) finish() error {
	r.pacing.Wait()
	r.stopping.Store(true)
	for _, l := range r.links {
		l.kick()
	}
	ended := make(chan struct{})
	go func() {
		r.streams.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-r.ctx.Done():
	}
	return r.failure()
}

// tend keeps quiet streams alive and ends a run in which nothing happens any more.
func (r *run) tend() {
	last, beaten := r.done(), time.Now()
	for wait(r.ctx, stallLimit) {
		now := r.done()
		if now == last {
			r.fail(fmt.Errorf("nothing happened for %s after %d messages", stallLimit, now))
			return
		}
		last = now
		if r.options.windowed && time.Since(beaten) >= beatInterval {
			beaten = time.Now()
			for _, l := range r.links {
				l.beat()
			}
		}
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

func inParallel(count int, do func(i int)) {
	var next atomic.Int64
	var group sync.WaitGroup
	for range min(openingAtOnce, count) {
		group.Go(func() {
			for i := int(next.Add(1) - 1); i < count; i = int(next.Add(1) - 1) {
				do(i)
			}
		})
	}
	group.Wait()
}
