package main

import (
	"errors"
	"time"
)

// ingestRole sends and gets no answers. Windowed, `outstanding` frames are kept unacknowledged, and what is counted
// is what the server has acknowledged; otherwise HTTP/2 flow control is the only measure, and what was sent counts
// once the server has ended the stream with OK.
type ingestRole struct {
	*link
	outstanding int
	// The session whose turn it is, and frames sent that are not acknowledged.
	next     int
	underWay uint64 // messages
	// By session, a ring of its frames: when each was sent.
	at [][]int64
	// Messages acknowledged in this turn.
	acked uint64
}

func ingest(o options) (map[string]any, error) {
	if !o.windowed {
		return ingestSimple(o)
	}
	r := newRun(o)
	defer r.close()
	if err := r.connect(o.conns); err != nil {
		return nil, err
	}
	r.openIngest("ingest")
	if err := r.awaitOpened(); err != nil {
		return nil, err
	}
	return r.measure()
}

// ingestSimple measures from the first message to the last status, and all of it: with other streams than those
// that have warmed the server up.
func ingestSimple(o options) (map[string]any, error) {
	if o.warmup > 0 {
		if _, err := ingestFor(o, "warmup", o.warmup); err != nil {
			return nil, err
		}
	}
	return ingestFor(o, "ingest", o.duration)
}

func ingestFor(o options, kind string, duration time.Duration) (map[string]any, error) {
	r := newRun(o)
	defer r.close()
	if err := r.connect(o.conns); err != nil {
		return nil, err
	}
	go r.tend()
	started := r.begin()
	r.openIngest(kind)
	wait(r.ctx, duration)
	if err := r.finish(); err != nil {
		return nil, err
	}
	result := r.end(started)
	r.addTallies(result)
	return result, nil
}

func (r *run) openIngest(kind string) {
	for i := range r.options.streams {
		l := r.newLink(r.connections[i%len(r.connections)], kind, i, r.options.sessions)
		as := &ingestRole{link: l, outstanding: r.options.outstanding}
		for range r.options.sessions {
			as.at = append(as.at, make([]int64, r.options.outstanding))
		}
		l.open("sink", as)
		l.kick()
	}
}

func (i *ingestRole) take(*session, *message) error {
	return errors.New("a sink has answered")
}

func (i *ingestRole) acknowledged(s *session, messages uint64) error {
	perFrame, ring := uint64(s.perFrame()), i.at[s.index]
	for n := s.acked - messages; n < s.acked; n++ {
		i.record(ring[n/perFrame%uint64(len(ring))])
	}
	i.acked += messages
	i.underWay -= messages
	return nil
}

func (i *ingestRole) turn() bool {
	stopping := i.run.stopping.Load()
	if i.windowed {
		i.conn.done.Add(i.acked)
		i.acked = 0
	}
	for !stopping && i.mayGoOn() {
		s := i.sessions[i.next]
		if !s.hasRoom() {
			break
		}
		i.next = (i.next + 1) % len(i.sessions)
		perFrame := uint64(s.perFrame())
		if i.windowed {
			i.at[s.index][s.sent/perFrame%uint64(i.outstanding)] = i.run.now()
			i.underWay += perFrame
		} else {
			i.conn.done.Add(perFrame)
		}
		i.stream.Send(s.next())
	}
	return stopping && i.stream.IsReady() && (!i.windowed || i.underWay == 0)
}

func (i *ingestRole) mayGoOn() bool {
	if i.windowed {
		perFrame := uint64(i.sessions[0].perFrame())
		return i.underWay+perFrame <= uint64(i.outstanding)*perFrame
	}
	return i.stream.IsReady()
}
