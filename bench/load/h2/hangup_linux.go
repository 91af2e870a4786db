package h2

import "golang.org/x/sys/unix"

// Also where only the server's half is closed.
const hangUp = unix.POLLRDHUP
