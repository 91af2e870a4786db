package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"sluice.dev/bench/load/h2"
)

const (
	// What one connection may take to be echoed once.
	echoLimit = 15 * time.Second
	// How many different errors are reported.
	errorsReported = 5
)

// idler is one connection with one session.
type idler struct {
	conn    *h2.Conn
	stream  *h2.Stream
	session *session
	counts  *idleCounts
	echoed  chan error
	// Why the stream ended; nil while it lives.
	ended atomic.Pointer[error]
}

type idleCounts struct{ heartbeats, probes atomic.Int64 }

var errStreamEnded = errors.New("the server ended the stream")

func openIdler(r *run, number int, counts *idleCounts) (*idler, error) {
	o := r.options
	o.method = "StreamData"
	conn, err := r.dial(h2.Options{})
	if err != nil {
		return nil, err
	}
	i := &idler{
		conn: conn, counts: counts, echoed: make(chan error, 1),
		session: newSession(o, 0, fmt.Sprintf("session-%05d", number), payloadOf(o.size, number), r.base.UnixMilli()),
	}
	conn.Do(func() {
		headers := []h2.Header{{Name: "x-client-id", Value: fmt.Sprintf("idle-%05d", number)}}
		i.stream = conn.Open("/sluice.v1.StreamService/StreamData", headers, i)
		if o.windowed {
			i.stream.Send(encodeOpen(i.session.id, ""))
		}
	})
	if o.windowed {
		// The echo needs the window that Opened grants.
		err = i.await(r.ctx)
	}
	if err == nil {
		err = i.echo(r.ctx)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return i, nil
}

// Message implements h2.Handler.
func (i *idler) Message(b []byte) {
	m, err := decodeMessage(b)
	if err == nil {
		err = i.take(&m)
	}
	if err != nil {
		i.settle(err)
	}
}

func (i *idler) take(m *message) error {
	switch m.kind {
	case typeUnspecified, typeData:
		if err := i.session.takeData(m); err != nil {
			return err
		}
		if err := check(m, i.session.received-1, i.session.payload); err != nil {
			return err
		}
		i.settle(nil)
	case typeHeartbeat:
		i.counts.heartbeats.Add(1)
	case typeHealthCheck:
		if m.ack == 0 {
			i.counts.probes.Add(1)
			i.stream.Send(encodeProbeAnswer(*m))
		}
	case typeControl:
		c, err := decodeControl(m.control)
		if err != nil {
			return err
		}
		switch c.action {
		case fieldOpened:
			i.settle(nil)
			return i.session.takeOpened(c)
		case fieldClosed, fieldError:
			return fmt.Errorf("%s: %s", c.code, c.reason)
		}
	}
	_, err := i.session.takeAck(m.ack)
	return err
}

// Turn implements h2.Handler.
func (i *idler) Turn() {
	if i.session.owesAck() {
		i.stream.Send(i.session.ack())
	}
}

// Ended implements h2.Handler.
func (i *idler) Ended(err error) {
	if err == nil {
		err = errStreamEnded
	}
	i.ended.Store(&err)
	i.settle(err)
}

func (i *idler) settle(err error) {
	select {
	case i.echoed <- err:
	default:
	}
}

// echo sends one DATA message of the session and waits for its answer.
func (i *idler) echo(ctx context.Context) error {
	if ended := i.ended.Load(); ended != nil {
		return *ended
	}
	i.conn.Do(func() { i.stream.Send(i.session.next()) })
	return i.await(ctx)
}

func (i *idler) await(ctx context.Context) error {
	timer := time.NewTimer(echoLimit)
	defer timer.Stop()
	select {
	case err := <-i.echoed:
		return err
	case <-timer.C:
		return fmt.Errorf("no echo within %s", echoLimit)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// idle opens the connections, keeps them with heartbeats, and ends with one more echo on each: who answers it
// is still connected.
func idle(o options) (map[string]any, error) {
	r := newRun(o)
	defer r.close()
	var counts idleCounts
	var failures failureList
	idlers := make([]*idler, o.conns)
	inParallel(o.conns, func(number int) {
		var err error
		idlers[number], err = openIdler(r, number, &counts)
		failures.note("open", err)
	})
	defer inParallel(o.conns, func(number int) {
		if idlers[number] != nil {
			idlers[number].conn.Close()
		}
	})
	opened := 0
	for _, i := range idlers {
		if i != nil {
			opened++
		}
	}
	emit(map[string]any{"event": "connected", "connections": opened, "seconds": time.Since(r.base).Seconds()})

	sent := beat(o, idlers)
	var connected atomic.Int64
	inParallel(o.conns, func(number int) {
		if idlers[number] == nil {
			return
		}
		err := idlers[number].echo(r.ctx)
		failures.note("last echo", err)
		if err == nil {
			connected.Add(1)
		}
	})
	return map[string]any{
		"wanted":             o.conns,
		"opened":             opened,
		"connected":          connected.Load(),
		"seconds":            time.Since(r.base).Seconds(),
		"heartbeatsSent":     sent,
		"heartbeatsReceived": counts.heartbeats.Load(),
		"probesAnswered":     counts.probes.Load(),
		"errors":             failures.counts,
		"generatorCpu":       ownCPU(),
	}, nil
}

// beat sends each connection's heartbeat once an interval, spread over it, for the whole duration.
func beat(o options, idlers []*idler) (sent int64) {
	const slice = 100 * time.Millisecond
	started := time.Now()
	ticker := time.NewTicker(slice)
	defer ticker.Stop()
	next := 0
	for time.Since(started) < o.duration {
		<-ticker.C
		due := int(float64(time.Since(started)) / float64(o.heartbeat) * float64(len(idlers)))
		for ; next < due; next++ {
			i := idlers[next%len(idlers)]
			if i == nil || i.ended.Load() != nil {
				continue
			}
			i.conn.Do(func() { i.stream.Send(encodeHeartbeat(time.Now().UnixMilli())) })
			sent++
		}
	}
	return sent
}

// failureList counts errors by their text.
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
