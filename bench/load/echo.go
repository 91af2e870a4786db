package main

import "sync"

// More than this after it was due, in nanoseconds, a message of an open loop was sent late.
const lateAfter = int64(1e6)

// echoRole sends, and everything comes back. In a closed loop a frame goes out for each that has come back whole;
// in an open one when the schedule says so, but never more than `outstanding` are under way: what is due waits,
// and its latency counts from when it was due.
type echoRole struct {
	*link
	number int
	// Nil: a closed loop.
	schedule *schedule
	// Frames that are due, that were sent, and of those the ones that have not come back whole.
	due      uint64
	sent     uint64
	underWay int
	// By session, a ring of its frames: when each was sent, or due.
	at [][]int64
	// Messages that came back in this turn.
	answered uint64
}

// echo is the mode "throughput".
func echo(o options) (map[string]any, error) {
	r := newRun(o)
	defer r.close()
	if err := r.connect(o.conns); err != nil {
		return nil, err
	}
	var timetable *schedule
	if o.rate > 0 {
		timetable = newSchedule(o.rate/float64(o.perFrame()), o.streams)
	}
	roles := make([]*echoRole, o.streams)
	for i := range roles {
		l := r.newLink(r.connections[i%len(r.connections)], "load", i, o.sessions)
		roles[i] = &echoRole{link: l, number: i, schedule: timetable}
		for range o.sessions {
			roles[i].at = append(roles[i].at, make([]int64, o.outstanding))
		}
	}
	inParallel(len(roles), func(i int) { roles[i].open("", roles[i]) })
	stalled := r.openStalled(o.stalled)
	if err := r.awaitOpened(); err != nil {
		return nil, err
	}
	r.start(roles)
	if timetable != nil {
		r.pace(timetable, roles)
	}
	result, err := r.measure()
	if o.stalled > 0 && err == nil {
		result["stalledReopened"] = stalled.reopened.Load()
	}
	return result, err
}

// start lets all streams send. Not before all are open, and all at once: a few that did it for the others would
// wait, each time, behind thousands that are under load.
func (r *run) start(roles []*echoRole) {
	r.started.Store(true)
	var group sync.WaitGroup
	for _, role := range roles {
		group.Go(role.kick)
	}
	group.Wait()
}

func (e *echoRole) take(s *session, m *message) error {
	n := s.received - 1
	if err := check(m, n, s.payload); err != nil {
		return err
	}
	perFrame := uint64(s.perFrame())
	ring := e.at[s.index]
	e.record(ring[n/perFrame%uint64(len(ring))])
	e.answered++
	if s.received%perFrame == 0 {
		e.underWay--
	}
	return nil
}

func (e *echoRole) acknowledged(*session, uint64) error { return nil }

func (e *echoRole) turn() bool {
	if !e.run.started.Load() {
		return false
	}
	e.conn.done.Add(e.answered)
	e.answered = 0
	stopping := e.run.stopping.Load()
	now := e.run.now()
	for e.underWay < len(e.at[0]) && e.maySend(stopping) {
		s := e.sessions[e.sent%uint64(len(e.sessions))]
		if !s.hasRoom() {
			break
		}
		at := now
		if e.schedule != nil {
			if at = e.schedule.dueAt(e.number, e.sent); now-at > lateAfter && e.run.measures(at) {
				e.conn.late += uint64(s.perFrame())
			}
		}
		ring := e.at[s.index]
		ring[s.sent/uint64(s.perFrame())%uint64(len(ring))] = at
		e.stream.Send(s.next())
		e.sent++
		e.underWay++
	}
	return stopping && e.underWay == 0 && !e.maySend(stopping)
}

func (e *echoRole) maySend(stopping bool) bool {
	if e.schedule != nil {
		return e.sent < e.due
	}
	return !stopping
}
