package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"syscall"
)

// Linux reports process times in units of 1/100 s on every architecture (USER_HZ).
const ticksPerSecond = 100

// processCPU is the user and system time of a process so far, in seconds; false where /proc does not tell.
func processCPU(pid int) (float64, bool) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, false
	}
	// The command's name may hold anything; fields are counted from behind its closing bracket (proc(5)).
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return 0, false
	}
	user, userErr := strconv.ParseFloat(string(fields[11]), 64)
	system, systemErr := strconv.ParseFloat(string(fields[12]), 64)
	return (user + system) / ticksPerSecond, userErr == nil && systemErr == nil
}

func ownCPU() float64 {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	seconds := func(t syscall.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }
	return seconds(usage.Utime) + seconds(usage.Stime)
}
