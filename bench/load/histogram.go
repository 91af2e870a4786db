package main

import (
	"math/bits"
	"time"
)

// Each power of two is cut into 64: a quantile is right within 1.6 %.
const subBits = 6

// histogram counts durations in nanoseconds; one goroutine writes.
type histogram struct {
	counts [64 << subBits]uint64
	total  uint64
}

func (h *histogram) record(d time.Duration) {
	h.counts[bucketOf(uint64(max(d, 0)))]++
	h.total++
}

func (h *histogram) add(other *histogram) {
	for i, count := range other.counts {
		h.counts[i] += count
	}
	h.total += other.total
}

// quantileMs is the upper bound of the bucket that holds the quantile, in milliseconds.
func (h *histogram) quantileMs(q float64) float64 {
	wanted := uint64(float64(h.total) * q)
	var seen uint64
	for i, count := range h.counts {
		seen += count
		if count > 0 && seen > wanted {
			return float64(upperBound(i)) / 1e6
		}
	}
	return 0
}

func bucketOf(ns uint64) int {
	if ns < 1<<subBits {
		return int(ns)
	}
	shift := bits.Len64(ns) - subBits - 1
	return (shift+1)<<subBits + int(ns>>shift) - 1<<subBits
}

func upperBound(bucket int) uint64 {
	if bucket < 1<<subBits {
		return uint64(bucket)
	}
	shift := bucket>>subBits - 1
	return (uint64(bucket&(1<<subBits-1)) + 1<<subBits + 1) << shift
}
