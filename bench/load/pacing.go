package main

import (
	"runtime"
	"sync/atomic"
	"time"
)

// So that the end of the run is seen.
const longestSleep = 50 * time.Millisecond

// schedule is when each frame of an open loop is due: so many a second in all, dealt out to the streams in turn, so
// that each has its own phase.
type schedule struct {
	interval float64 // nanoseconds between two frames
	streams  uint64
	// When the first is due, as run.now() counts.
	start atomic.Int64
}

func newSchedule(framesPerSecond float64, streams int) *schedule {
	return &schedule{interval: 1e9 / framesPerSecond, streams: uint64(streams)}
}

// at is when the frame `n` of all streams is due.
func (s *schedule) at(n uint64) int64 { return s.start.Load() + int64(float64(n)*s.interval) }

// dueAt is when the frame `n` of one stream is due.
func (s *schedule) dueAt(stream int, n uint64) int64 { return s.at(n*s.streams + uint64(stream)) }

// streamOf tells whose the frame `n` of all is.
func (s *schedule) streamOf(n uint64) int { return int(n % s.streams) }

// pace makes frames due from now on until the end of the measured interval.
func (r *run) pace(s *schedule, roles []*echoRole) {
	// The pacer's thread sleeps in the kernel, which is exact to less than 0.1 ms; a processor for it to sleep on.
	runtime.GOMAXPROCS(runtime.NumCPU() + 1)
	s.start.Store(r.now())
	r.pacing.Go(func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		var dirty []*connection
		for n := uint64(0); r.ctx.Err() == nil; {
			now, end := r.now(), r.to.Load()
			for ; s.at(n) <= now; n++ {
				if s.at(n) >= end {
					break
				}
				e := roles[s.streamOf(n)]
				e.conn.Hold(func() {
					e.due++
					e.Turn()
				})
				dirty = append(dirty, e.conn)
			}
			for _, conn := range dirty {
				conn.Flush()
			}
			dirty = dirty[:0]
			if now >= end {
				return
			}
			sleep(min(time.Duration(s.at(n)-r.now()), longestSleep))
		}
	})
}
