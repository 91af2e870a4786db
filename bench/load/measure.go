package main

import "time"

// interval is the measured part of a run: the clock, and the CPU times at its start.
type interval struct {
	pid         int
	started     time.Time
	server      float64
	serverKnown bool
	own         float64
	done        uint64
}

func (r *run) begin() interval {
	emit(map[string]any{"event": "measuring"})
	i := interval{pid: r.options.serverPID, own: ownCPU(), done: r.done(), started: time.Now()}
	i.server, i.serverKnown = processCPU(i.pid)
	r.from.Store(r.now())
	return i
}

// end is the result of the interval so far, without the latencies: their messages may still be under way.
func (r *run) end(i interval) map[string]any {
	r.to.Store(r.now())
	messages := r.done() - i.done
	server, known := processCPU(i.pid)
	seconds := time.Since(i.started).Seconds()
	result := map[string]any{
		"messages":          messages,
		"seconds":           seconds,
		"messagesPerSecond": float64(messages) / seconds,
		"generatorCpu":      ownCPU() - i.own,
	}
	if known && i.serverKnown {
		result["serverCpu"] = server - i.server
	}
	emit(map[string]any{"event": "measured"})
	return result
}

// measure warms up, measures, has all streams end, and adds what only then is known.
func (r *run) measure() (map[string]any, error) {
	go r.tend()
	wait(r.ctx, r.options.warmup)
	started := r.begin()
	wait(r.ctx, r.options.duration)
	result := r.end(started)
	if err := r.finish(); err != nil {
		return nil, err
	}
	r.addTallies(result)
	return result, nil
}

func (r *run) addTallies(result map[string]any) {
	var latency histogram
	var late uint64
	for _, conn := range r.connections {
		conn.Do(func() {
			latency.add(&conn.latency)
			late += conn.late
		})
	}
	// What is not answered has none.
	if latency.total > 0 {
		result["p50Ms"] = latency.quantileMs(0.5)
		result["p99Ms"] = latency.quantileMs(0.99)
		result["p999Ms"] = latency.quantileMs(0.999)
	}
	if r.options.rate > 0 {
		result["late"] = late
	}
}

// record notes the latency of a message that was due at `at`, if that is within the measured interval, however
// late its answer: what is slow is not left out for being slow.
func (c *connection) record(r *run, at, now int64) {
	if r.measures(at) {
		c.latency.record(time.Duration(now - at))
	}
}

// measures tells whether a moment is within the measured interval.
func (r *run) measures(at int64) bool { return at >= r.from.Load() && at < r.to.Load() }
