package main

import (
	"fmt"
	"sync/atomic"
	"time"

	"sluice.dev/bench/load/h2"
)

const (
	// How long a client that was ended stays away.
	stalledAway = time.Second
	// A stalled client that could send nothing for so long stops reading from the network, too.
	stalledFor = 500 * time.Millisecond
	// How often it is looked whether the server has ended its connection.
	stalledLook = 100 * time.Millisecond
)

// stalledClients send all they may and take nothing. Every other one is a program that hangs with its transport
// alive: it never makes room on its stream, and sees that the server has ended it. The rest stop reading from the
// network once they are stuck, as a frozen process does: they see the end of the connection only.
type stalledClients struct {
	run      *run
	reopened atomic.Int64
}

func (r *run) openStalled(count int) *stalledClients {
	clients := &stalledClients{run: r}
	for i := range count {
		r.stalling.Go(func() {
			for {
				if err := clients.live(i); err != nil {
					r.fail(fmt.Errorf("a stalled client: %w", err))
					return
				}
				if !wait(r.ctx, stalledAway) {
					return
				}
				clients.reopened.Add(1)
			}
		})
	}
	return clients
}

// stalledRole is one stream that sends until it may not, and forgets what comes.
type stalledRole struct {
	run     *run
	stream  *h2.Stream
	session *session
	// Messages sent, for whoever looks on.
	sent  atomic.Uint64
	ended chan struct{}
}

// live is one life of a stalled client, until the server ends it.
func (c *stalledClients) live(number int) error {
	r := c.run
	// The smallest window, which is never given back.
	conn, err := r.dial(h2.Options{StreamWindow: 65535, HoldWindows: true})
	if err != nil {
		return err
	}
	defer conn.Close()
	id := fmt.Sprintf("stalled-%04d", number)
	o := r.options
	o.method = "StreamData"
	s := &stalledRole{
		run: r, ended: make(chan struct{}),
		session: newSession(o, 0, id, payloadOf(o.size, number), r.base.UnixMilli()),
	}
	conn.Do(func() {
		s.stream = conn.Open("/sluice.v1.StreamService/StreamData", []h2.Header{{Name: "x-client-id", Value: id}}, s)
		if o.windowed {
			s.stream.Send(encodeOpen(id, ""))
		}
		s.Turn()
	})
	freezes, frozen := number%2 == 1, false
	last, since := uint64(0), time.Now()
	for {
		select {
		case <-s.ended:
			return nil
		default:
		}
		if conn.IsGone() || !wait(r.ctx, stalledLook) {
			return nil
		}
		if sent := s.sent.Load(); sent != last {
			last, since = sent, time.Now()
		} else if freezes && !frozen && time.Since(since) >= stalledFor {
			conn.Freeze()
			frozen = true
		}
	}
}

// Message implements h2.Handler: of all that comes only the leave to send is looked at.
func (s *stalledRole) Message(b []byte) {
	m, err := decodeMessage(b)
	if err == nil && m.kind == typeControl {
		var c control
		if c, err = decodeControl(m.control); err == nil && c.action == fieldOpened {
			err = s.session.takeOpened(c)
		}
	}
	if err != nil {
		s.run.fail(err)
	}
}

// Turn implements h2.Handler.
func (s *stalledRole) Turn() {
	for s.stream.IsReady() && s.session.hasRoom() {
		s.stream.Send(s.session.next())
		s.sent.Add(1)
	}
}

// Ended implements h2.Handler.
func (s *stalledRole) Ended(error) { close(s.ended) }
