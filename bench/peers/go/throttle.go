package main

import "time"

// throttle is a token bucket of one second's depth; only the send loop uses it.
type throttle struct {
	perSecond float64
	tokens    float64
	refilled  time.Time
}

// shouldThrottle takes a token, or says that the next send has to wait.
func (t *throttle) shouldThrottle() bool {
	if t.perSecond == 0 {
		return false
	}
	now := time.Now()
	t.tokens = min(t.perSecond, t.tokens+now.Sub(t.refilled).Seconds()*t.perSecond)
	t.refilled = now
	if t.tokens < 1 {
		return true
	}
	t.tokens--
	return false
}
