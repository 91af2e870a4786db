package main

import (
	"errors"
	"fmt"

	"sluice.dev/bench/load/h2"
)

const unaryPath = "/sluice.bench.v1.Exchange/Echo"

// unaryCall makes one call after the other: one message there, the same message back.
type unaryCall struct {
	run     *run
	conn    *connection
	headers []h2.Header
	frame   frame
	payload []byte
	sent    uint64
	at      int64
	// Whether the answer to the call has come.
	answered bool
}

// unary is the same exchange without streams: `outstanding` calls under way for each stream there would be.
func unary(o options) (map[string]any, error) {
	if o.windowed || o.sessions > 1 || o.batchSize() > 0 {
		return nil, errors.New("-mode unary knows neither sessions nor batches")
	}
	r := newRun(o)
	defer r.close()
	if err := r.connect(o.conns); err != nil {
		return nil, err
	}
	for i := range o.streams * o.outstanding {
		caller := i / o.outstanding
		payload := payloadOf(o.size, i)
		call := &unaryCall{
			run: r, conn: r.connections[caller%len(r.connections)], payload: payload,
			headers: []h2.Header{{Name: "x-client-id", Value: fmt.Sprintf("unary-%05d", caller)}},
			frame:   newFrame(fmt.Sprintf("unary-%05d", caller), payload, r.base.UnixMilli(), 0, false),
		}
		r.streams.Add(1)
		call.conn.Do(call.next)
	}
	return r.measure()
}

func (u *unaryCall) next() {
	u.frame.number(u.sent, 0)
	u.sent++
	u.answered = false
	u.at = u.run.now()
	stream := u.conn.Open(unaryPath, u.headers, u)
	stream.Send(u.frame.bytes)
	stream.HalfClose()
}

// Message implements h2.Handler.
func (u *unaryCall) Message(b []byte) {
	m, err := decodeMessage(b)
	if err == nil {
		err = check(&m, u.sent-1, u.payload)
	}
	if err == nil && u.answered {
		err = errors.New("a second answer to a unary call")
	}
	if err != nil {
		u.run.fail(err)
	}
	u.answered = true
}

// Turn implements h2.Handler.
func (u *unaryCall) Turn() {}

// Ended implements h2.Handler.
func (u *unaryCall) Ended(err error) {
	if err == nil && !u.answered {
		err = errors.New("a unary call without an answer")
	}
	if err != nil {
		u.run.fail(err)
		u.run.streams.Done()
		return
	}
	u.conn.record(u.run, u.at, u.run.now())
	u.conn.done.Add(1)
	if u.run.stopping.Load() {
		u.run.streams.Done()
		return
	}
	u.next()
}
