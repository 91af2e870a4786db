//go:build unix && !linux

package h2

// What is always told: both halves are closed, or the connection is broken.
const hangUp = 0
