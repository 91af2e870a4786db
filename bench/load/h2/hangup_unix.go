//go:build unix

package h2

import (
	"crypto/tls"
	"syscall"

	"golang.org/x/sys/unix"
)

// IsGone tells whether the server has ended the connection, without reading from it.
func (c *Conn) IsGone() bool {
	inner := c.net
	if secured, ok := inner.(*tls.Conn); ok {
		inner = secured.NetConn()
	}
	socket, ok := inner.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return true
	}
	gone := false
	err = raw.Control(func(fd uintptr) {
		polled := []unix.PollFd{{Fd: int32(fd), Events: hangUp}}
		n, err := unix.Poll(polled, 0)
		gone = err == nil && n > 0 && polled[0].Revents != 0
	})
	return gone || err != nil
}
