package main

import (
	"math"
	"testing"
	"time"
)

func TestBucketsHoldTheirBounds(t *testing.T) {
	for ns := uint64(1); ns < 1<<40; ns += ns/7 + 1 {
		bucket := bucketOf(ns)
		if upperBound(bucket) < ns {
			t.Fatalf("%d ns is above the bound %d of its bucket", ns, upperBound(bucket))
		}
		if bucket > 0 && upperBound(bucket-1) > ns {
			t.Fatalf("%d ns belongs below bucket %d", ns, bucket)
		}
	}
	if last := bucketOf(math.MaxInt64); last >= len(histogram{}.counts) {
		t.Fatalf("the longest duration falls into bucket %d", last)
	}
}

func TestQuantilesAreRightWithinTwoPercent(t *testing.T) {
	var first, second, all histogram
	for ms := 1; ms <= 1000; ms++ {
		half := &first
		if ms%2 == 0 {
			half = &second
		}
		half.record(time.Duration(ms) * time.Millisecond)
	}
	all.add(&first)
	all.add(&second)
	for _, q := range []float64{0.5, 0.99, 0.999} {
		if got, want := all.quantileMs(q), 1000*q+1; math.Abs(got-want) > want*0.02 {
			t.Errorf("quantile %g is %g ms, wanted %g", q, got, want)
		}
	}
}
