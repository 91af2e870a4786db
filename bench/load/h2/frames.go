package h2

import (
	"encoding/binary"
	"fmt"
)

// Types, flags and settings of RFC 9113, as far as they are used.
const (
	frameHeader = 9

	dataFrame         = 0x0
	headersFrame      = 0x1
	resetFrame        = 0x3
	settingsFrame     = 0x4
	pingFrame         = 0x6
	goAwayFrame       = 0x7
	windowUpdateFrame = 0x8
	continuationFrame = 0x9

	flagEndStream  = 0x1
	flagAck        = 0x1
	flagEndHeaders = 0x4
	flagPadded     = 0x8
	flagPriority   = 0x20

	headerTableSize = 0x1
	enablePush      = 0x2
	initialWindow   = 0x4

	codeCancel = 0x8
)

type frame struct {
	length int
	kind   byte
	flags  byte
	stream uint32
}

func (f frame) has(flag byte) bool { return f.flags&flag != 0 }

func readFrameHeader(b []byte) frame {
	return frame{
		length: int(b[0])<<16 | int(b[1])<<8 | int(b[2]),
		kind:   b[3], flags: b[4],
		stream: binary.BigEndian.Uint32(b[5:]) & 0x7fffffff,
	}
}

func appendFrame(b []byte, length int, kind, flags byte, stream uint32) []byte {
	b = append(b, byte(length>>16), byte(length>>8), byte(length), kind, flags)
	return binary.BigEndian.AppendUint32(b, stream)
}

type setting struct {
	id    uint16
	value uint32
}

func appendSettings(b []byte, settings ...setting) []byte {
	b = appendFrame(b, 6*len(settings), settingsFrame, 0, 0)
	for _, s := range settings {
		b = binary.BigEndian.AppendUint16(b, s.id)
		b = binary.BigEndian.AppendUint32(b, s.value)
	}
	return b
}

func appendWindowUpdate(b []byte, stream uint32, bytes int) []byte {
	b = appendFrame(b, 4, windowUpdateFrame, 0, stream)
	return binary.BigEndian.AppendUint32(b, uint32(bytes))
}

// withoutPadding is the payload of DATA or HEADERS without what surrounds it.
func withoutPadding(f frame, payload []byte) ([]byte, error) {
	padding := 0
	if f.has(flagPadded) {
		if len(payload) == 0 {
			return nil, fmt.Errorf("a padded frame without its padding")
		}
		padding, payload = int(payload[0]), payload[1:]
	}
	if f.kind == headersFrame && f.has(flagPriority) {
		if len(payload) < 5 {
			return nil, fmt.Errorf("a frame without its priority")
		}
		payload = payload[5:]
	}
	if padding > len(payload) {
		return nil, fmt.Errorf("more padding than frame")
	}
	return payload[:len(payload)-padding], nil
}

// take handles one frame.
func (c *Conn) take(f frame, payload []byte) error {
	switch f.kind {
	case dataFrame:
		return c.takeData(f, payload)
	case headersFrame, continuationFrame:
		return c.takeHeaders(f, payload)
	case windowUpdateFrame:
		if len(payload) == 4 {
			c.takeWindowUpdate(f.stream, int(binary.BigEndian.Uint32(payload)&0x7fffffff))
		}
	case settingsFrame:
		if !f.has(flagAck) {
			c.takeSettings(payload)
		}
	case pingFrame:
		if !f.has(flagAck) {
			c.out = appendFrame(c.out, len(payload), pingFrame, flagAck, 0)
			c.out = append(c.out, payload...)
		}
	case resetFrame:
		if s := c.streams[f.stream]; s != nil && len(payload) == 4 {
			s.isReset = true
			s.finish(fmt.Errorf("the server reset the stream, code %d", binary.BigEndian.Uint32(payload)))
		}
	case goAwayFrame:
		if len(payload) >= 8 {
			last := binary.BigEndian.Uint32(payload)
			for id, s := range c.streams {
				if id > last {
					s.isReset = true
					s.finish(fmt.Errorf("GOAWAY, code %d, %q", binary.BigEndian.Uint32(payload[4:]), payload[8:]))
				}
			}
		}
	}
	return nil
}

func (c *Conn) takeData(f frame, payload []byte) error {
	size := len(payload)
	payload, err := withoutPadding(f, payload)
	if err != nil {
		return err
	}
	s := c.streams[f.stream]
	if !c.options.HoldWindows {
		if c.taken += size; c.taken >= c.options.ConnectionWindow/2 {
			c.out = appendWindowUpdate(c.out, 0, c.taken)
			c.taken = 0
		}
		if s != nil && !f.has(flagEndStream) {
			if s.taken += size; s.taken >= c.options.StreamWindow/2 {
				c.out = appendWindowUpdate(c.out, s.id, s.taken)
				s.taken = 0
			}
		}
	}
	if s == nil {
		return nil
	}
	s.touch()
	s.takeData(payload)
	if f.has(flagEndStream) {
		s.finish(errNoStatus)
	}
	return nil
}

func (c *Conn) takeHeaders(f frame, payload []byte) error {
	if f.kind == headersFrame {
		fragment, err := withoutPadding(f, payload)
		if err != nil {
			return err
		}
		c.block, c.blockStream, c.blockEnds = append(c.block[:0], fragment...), f.stream, f.has(flagEndStream)
	} else {
		c.block = append(c.block, payload...)
	}
	if !f.has(flagEndHeaders) {
		return nil
	}
	fields, err := c.decoder.DecodeFull(c.block)
	if err != nil {
		return err
	}
	if s := c.streams[c.blockStream]; s != nil {
		s.touch()
		s.takeHeaders(fields, c.blockEnds)
	}
	return nil
}

func (c *Conn) takeSettings(payload []byte) {
	for ; len(payload) >= 6; payload = payload[6:] {
		value := binary.BigEndian.Uint32(payload[2:])
		switch binary.BigEndian.Uint16(payload) {
		case headerTableSize:
			c.encoder.SetMaxDynamicTableSizeLimit(value)
		case initialWindow:
			grown := int(value) - c.streamRoom
			c.streamRoom = int(value)
			for _, s := range c.streams {
				s.room += grown
				s.resume()
			}
		}
	}
	c.out = appendFrame(c.out, 0, settingsFrame, flagAck, 0)
}

func (c *Conn) takeWindowUpdate(stream uint32, bytes int) {
	if stream != 0 {
		if s := c.streams[stream]; s != nil {
			s.room += bytes
			s.resume()
		}
		return
	}
	c.room += bytes
	blocked := c.blocked
	c.blocked = nil
	for _, s := range blocked {
		s.isBlocked = false
		s.resume()
	}
}
