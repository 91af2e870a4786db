package main

import (
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"time"
)

// How often the publisher says something until all subscribers have heard it.
const joinInterval = 50 * time.Millisecond

// fanoutState is what the publisher and the subscribers share. Messages are numbered by the counter of their
// payloads.
type fanoutState struct {
	subscribers int
	publisher   *publisherRole
	// Subscribers that have heard something.
	joined atomic.Int64
	// The first message that counts: those before it are for the subscribers to join by.
	first atomic.Uint64
	// How many messages there are in all, once that is certain.
	final atomic.Uint64
	// Messages that every subscriber has: all before this one.
	complete atomic.Uint64
	// Of what is under way, rings by message: when it was published, and how many have yet to get it.
	at      []atomic.Int64
	missing []atomic.Int64
}

// publisherRole keeps `outstanding` messages under way; one is done when the last subscriber has it.
type publisherRole struct {
	*link
	state *fanoutState
	// Whether to publish one message now, by itself.
	single bool
}

// subscriberRole checks what comes: without a hole from the first on.
type subscriberRole struct {
	*link
	state     *fanoutState
	payload   []byte
	expected  uint64
	heard     bool
	delivered uint64
	// Whether a message has become complete in this turn.
	completed bool
}

func fanout(o options) (map[string]any, error) {
	if o.batchSize() > 0 || o.sessions > 1 {
		return nil, errors.New("-mode fanout: StreamData and one session a stream")
	}
	r := newRun(o)
	defer r.close()
	if err := r.connect(o.conns + 1); err != nil {
		return nil, err
	}
	state := &fanoutState{
		subscribers: o.streams,
		at:          make([]atomic.Int64, o.outstanding), missing: make([]atomic.Int64, o.outstanding),
	}
	state.first.Store(math.MaxUint64)
	// The publisher has the last connection for itself. It comes first, to be the first to hear of the end.
	publisher := &publisherRole{link: r.newLink(r.connections[o.conns], "publisher", 0, 1), state: state}
	state.publisher = publisher
	payload := publisher.sessions[0].payload
	for i := range o.streams {
		l := r.newLink(r.connections[i%o.conns], "subscriber", i, 1)
		// One encoding for all: of the publisher's session, or of none.
		l.anySession = !o.windowed
		as := &subscriberRole{link: l, state: state, payload: payload}
		l.open("fanout-out", as)
		if !o.windowed {
			// Its session begins with its first message.
			l.conn.Do(func() { l.stream.Send(l.sessions[0].next()) })
		}
	}
	publisher.open("fanout-in", publisher)
	if err := r.awaitOpened(); err != nil {
		return nil, err
	}
	if err := r.join(state); err != nil {
		return nil, err
	}
	publisher.conn.Do(func() {
		published := publisher.sessions[0].sent
		state.complete.Store(published)
		state.first.Store(published)
		publisher.Turn()
	})
	return r.measure()
}

// join publishes until every subscriber has heard something.
func (r *run) join(state *fanoutState) error {
	limit := time.Now().Add(stallLimit)
	for state.joined.Load() < int64(state.subscribers) {
		if time.Now().After(limit) {
			return fmt.Errorf("%d of %d subscribers heard something within %s",
				state.joined.Load(), state.subscribers, stallLimit)
		}
		state.publisher.conn.Do(func() {
			state.publisher.single = true
			state.publisher.Turn()
		})
		if !wait(r.ctx, joinInterval) {
			break
		}
	}
	return r.failure()
}

func (p *publisherRole) take(*session, *message) error {
	return errors.New("the publisher was answered")
}

func (p *publisherRole) acknowledged(*session, uint64) error { return nil }

func (p *publisherRole) turn() bool {
	s, state := p.sessions[0], p.state
	if p.single && s.hasRoom() {
		p.single = false
		p.stream.Send(s.next())
	}
	if state.first.Load() == math.MaxUint64 {
		return false
	}
	stopping := p.run.stopping.Load()
	for !stopping && s.sent-state.complete.Load() < uint64(len(state.at)) && s.hasRoom() {
		slot := s.sent % uint64(len(state.at))
		state.at[slot].Store(p.run.now())
		state.missing[slot].Store(int64(state.subscribers))
		p.stream.Send(s.next())
	}
	if stopping {
		state.final.Store(s.sent)
	}
	return stopping && state.complete.Load() == s.sent
}

func (b *subscriberRole) take(_ *session, m *message) error {
	if !b.heard {
		if len(m.data) != len(b.payload) {
			return fmt.Errorf("a delivery of %d bytes of a payload of %d", len(m.data), len(b.payload))
		}
		b.heard, b.expected = true, counterOf(m)
		b.state.joined.Add(1)
	}
	n := b.expected
	if err := check(m, n, b.payload); err != nil {
		return err
	}
	b.expected++
	if n < b.state.first.Load() {
		return nil
	}
	slot := n % uint64(len(b.state.at))
	b.record(b.state.at[slot].Load())
	b.delivered++
	if b.state.missing[slot].Add(-1) == 0 {
		// In order for each subscriber, so in order for all.
		b.state.complete.Store(n + 1)
		b.completed = true
	}
	return nil
}

func (b *subscriberRole) acknowledged(*session, uint64) error { return nil }

func (b *subscriberRole) turn() bool {
	b.conn.done.Add(b.delivered)
	b.delivered = 0
	if b.completed {
		b.completed = false
		// The publisher's connection is another one, and never waits for ours.
		b.state.publisher.kick()
	}
	final := b.state.final.Load()
	return final > 0 && b.expected == final
}
