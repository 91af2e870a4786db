// The benchmark's load generator. Prints JSON lines: {"event":"measuring"} and {"event":"measured"} where the measured
// interval begins and ends, and as the last {"event":"result"} or {"event":"error"}.
//
//	load -mode throughput   echo, in a closed loop: each stream keeps -outstanding frames under way; in an open
//	                        loop with -rate; beside -stalled clients that take nothing
//	load -mode fanout       one publisher to -streams subscribers
//	load -mode ingest       messages that are not answered
//	load -mode unary        echo in calls of one message each
//	load -mode idle         -conns connections of their own, each with one quiet session
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime/debug"
)

func main() {
	// The generator shares the cores with the server: memory is cheaper than collecting it.
	debug.SetGCPercent(400)
	o, err := readOptions()
	var result map[string]any
	if err == nil {
		result, err = perform(o)
	}
	if err != nil {
		emit(map[string]any{"event": "error", "message": err.Error()})
		os.Exit(1)
	}
	result["event"] = "result"
	emit(result)
}

func perform(o options) (map[string]any, error) {
	switch o.mode {
	case "throughput":
		return echo(o)
	case "fanout":
		return fanout(o)
	case "ingest":
		return ingest(o)
	case "unary":
		return unary(o)
	case "idle":
		return idle(o)
	}
	return nil, fmt.Errorf("-mode %q: throughput, fanout, ingest, unary or idle", o.mode)
}

func emit(line map[string]any) {
	_ = json.NewEncoder(os.Stdout).Encode(line)
}
