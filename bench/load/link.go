package main

import (
	"fmt"
	"sync/atomic"

	"sluice.dev/bench/load/h2"
)

// role is what a stream is there for. All is called with the connection locked.
type role interface {
	// take gets each DATA of the stream's sessions, in order.
	take(s *session, m *message) error
	// acknowledged: so many messages of the session are done with for the server.
	acknowledged(s *session, messages uint64) error
	// turn sends what may be sent; true when the stream has nothing left to do.
	turn() bool
}

// link is one stream of the load, with its sessions.
type link struct {
	run      *run
	conn     *connection
	stream   *h2.Stream
	role     role
	clientID string
	batched  bool
	windowed bool
	sessions []*session
	byID     map[string]*session
	// Whether messages may bear another session's ID.
	anySession bool
	// How many of the sessions the server has yet to open.
	opening atomic.Int64
	// Those that have received something in this turn.
	received []*session
	// When the turn began; 0: it has not.
	now    int64
	closed bool
}

// connection is one TCP connection with what its streams count in common, under its lock.
type connection struct {
	*h2.Conn
	tally
}

// newLink prepares the stream `number` of a kind, with so many sessions.
func (r *run) newLink(conn *connection, kind string, number, sessions int) *link {
	l := &link{
		run: r, conn: conn, windowed: r.options.windowed, batched: r.options.batchSize() > 0,
		clientID: fmt.Sprintf("%s-%05d", kind, number), byID: make(map[string]*session),
	}
	for i := range sessions {
		id := fmt.Sprintf("%s-%05d-%03d", kind, number, i)
		s := newSession(r.options, i, id, payloadOf(r.options.size, number*sessions+i), r.base.UnixMilli())
		l.sessions = append(l.sessions, s)
		l.byID[id] = s
	}
	r.links = append(r.links, l)
	return l
}

// open begins the call; sessions are opened at once where they are windowed, each with the route, else the call's
// metadata names it.
func (l *link) open(route string, as role) {
	l.role = as
	headers := []h2.Header{{Name: "x-client-id", Value: l.clientID}}
	if route != "" {
		headers = append(headers, h2.Header{Name: "x-route", Value: route})
	}
	l.run.streams.Add(1)
	l.conn.Do(func() {
		l.stream = l.conn.Open("/sluice.v1.StreamService/"+l.run.options.method, headers, l)
		if l.windowed {
			l.opening.Store(int64(len(l.sessions)))
			for _, s := range l.sessions {
				l.send(encodeOpen(s.id, route))
			}
		}
	})
}

// send sends a single message, whichever the method.
func (l *link) send(message []byte) {
	if l.batched {
		message = asBatch(message)
	}
	l.stream.Send(message)
}

// Message implements h2.Handler.
func (l *link) Message(b []byte) {
	if l.now == 0 {
		l.now = l.run.now()
	}
	var err error
	if l.batched {
		err = eachMessage(b, l.take)
	} else {
		var m message
		if m, err = decodeMessage(b); err == nil {
			err = l.take(m)
		}
	}
	if err != nil {
		l.run.fail(err)
	}
}

func (l *link) take(m message) error {
	switch m.kind {
	case typeUnspecified, typeData:
		s, err := l.sessionOf(&m)
		if err != nil {
			return err
		}
		if err := l.takeAck(s, &m); err != nil {
			return err
		}
		if err := s.takeData(&m); err != nil {
			return err
		}
		if l.windowed && !s.owing {
			s.owing = true
			l.received = append(l.received, s)
		}
		return l.role.take(s, &m)
	case typeAck:
		s, err := l.sessionOf(&m)
		if err != nil {
			return err
		}
		return l.takeAck(s, &m)
	case typeControl:
		return l.takeControl(&m)
	case typeHealthCheck:
		if m.ack == 0 {
			l.send(encodeProbeAnswer(m))
		}
	}
	// Heartbeats want no answer.
	return nil
}

func (l *link) sessionOf(m *message) (*session, error) {
	if len(l.sessions) == 1 && (l.anySession || string(m.sessionID) == l.sessions[0].id) {
		return l.sessions[0], nil
	}
	if s := l.byID[string(m.sessionID)]; s != nil {
		return s, nil
	}
	return nil, fmt.Errorf("a message of the session %q, which is not of this stream", m.sessionID)
}

func (l *link) takeAck(s *session, m *message) error {
	newly, err := s.takeAck(m.ack)
	if err == nil && newly > 0 {
		err = l.role.acknowledged(s, newly)
	}
	return err
}

func (l *link) takeControl(m *message) error {
	c, err := decodeControl(m.control)
	if err != nil {
		return err
	}
	switch c.action {
	case fieldWelcome:
		return nil
	case fieldOpened:
		s, err := l.sessionOf(m)
		if err != nil {
			return err
		}
		l.opening.Add(-1)
		return s.takeOpened(c)
	case fieldClosed, fieldError:
		return fmt.Errorf("session %q: %s: %s", m.sessionID, c.code, c.reason)
	case fieldGap:
		return fmt.Errorf("session %q: messages were lost", m.sessionID)
	}
	// Advice.
	return nil
}

// Turn implements h2.Handler: what may be sent is, and what was received is acknowledged, as a client on the SDK
// does it: on what is sent anyway, else by one ACK a session and turn.
func (l *link) Turn() {
	done := l.role.turn()
	for _, s := range l.received {
		s.owing = false
		if s.owesAck() {
			l.send(s.ack())
		}
	}
	l.received = l.received[:0]
	l.now = 0
	if done && !l.closed {
		l.closed = true
		l.stream.HalfClose()
	}
}

// Ended implements h2.Handler.
func (l *link) Ended(err error) {
	if err != nil {
		l.run.fail(err)
	} else if !l.closed {
		l.run.fail(fmt.Errorf("the server ended a stream"))
	}
	l.run.streams.Done()
}

// kick has the stream see what has changed without its doing.
func (l *link) kick() {
	l.conn.Do(func() {
		if l.stream != nil {
			l.Turn()
		}
	})
}

// beat keeps the promise of a windowed connection to be heard from.
func (l *link) beat() {
	l.conn.Do(func() { l.send(encodeHeartbeat(l.run.base.UnixMilli())) })
}

func (l *link) record(at int64) { l.conn.record(l.run, at, l.now) }
