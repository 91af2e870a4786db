package main

import "testing"

func TestFramesAreDueEvenlyAndEachStreamHasItsPhase(t *testing.T) {
	const streams, rate = 7, 3500.0
	s := newSchedule(rate, streams)
	s.start.Store(1000)
	for n := range uint64(streams * 500) {
		stream := s.streamOf(n)
		if got := s.dueAt(stream, n/streams); got != s.at(n) {
			t.Fatalf("frame %d of stream %d is due at %d, frame %d of all at %d", n/streams, stream, got, n, s.at(n))
		}
	}
	// One second later as many are due as the rate says.
	if got := s.at(rate); got != 1000+1e9 {
		t.Errorf("frame %g is due at %d", rate, got)
	}
	if phase := s.dueAt(3, 0) - s.dueAt(2, 0); phase < 285_713 || phase > 285_715 {
		t.Errorf("neighbours are %d ns apart", phase)
	}
}
