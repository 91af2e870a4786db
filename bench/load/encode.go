package main

import (
	"crypto/rand"
	"encoding/binary"

	"google.golang.org/protobuf/encoding/protowire"
)

// Sequence and ack take up 5 bytes each, so that they can be written in place: enough for 34 billion messages.
const paddedBytes = 5

// Where sequence and ack are in what encodeData makes: behind the type, each behind its tag.
const (
	sequenceAt = 3
	ackAt      = sequenceAt + paddedBytes + 1
)

func putPadded(b []byte, value uint64) {
	for i := range paddedBytes {
		b[i] = byte(value>>(7*i))&0x7f | 0x80
	}
	b[paddedBytes-1] &= 0x7f
}

// encodeData leaves room for sequence and ack in front of all that has a length of its own.
func encodeData(sessionID string, payload []byte, timestampMs int64, numbered bool) []byte {
	b := appendVarintField(nil, fieldType, typeData)
	if numbered {
		b = protowire.AppendTag(b, fieldSequence, protowire.VarintType)
		b = append(b, make([]byte, paddedBytes)...)
		b = protowire.AppendTag(b, fieldAck, protowire.VarintType)
		b = append(b, make([]byte, paddedBytes)...)
		putPadded(b[sequenceAt:], 0)
		putPadded(b[ackAt:], 0)
	}
	b = appendBytesField(b, fieldSessionID, []byte(sessionID))
	b = appendVarintField(b, fieldTimestamp, uint64(timestampMs))
	return appendBytesField(b, fieldData, payload)
}

// encodeOpen opens a session of the default route, where none is named.
func encodeOpen(sessionID, route string) []byte {
	token := make([]byte, 16)
	_, _ = rand.Read(token) // Never fails.
	open := appendBytesField(nil, fieldRoute, []byte(route))
	open = appendBytesField(open, fieldToken, token)
	open = appendVarintField(open, fieldAttempt, 1)
	b := appendVarintField(nil, fieldType, typeControl)
	b = appendBytesField(b, fieldSessionID, []byte(sessionID))
	return appendBytesField(b, fieldControl, appendBytesField(nil, fieldOpen, open))
}

func encodeAck(sessionID string, sequence uint64) []byte {
	b := appendVarintField(nil, fieldType, typeAck)
	b = appendBytesField(b, fieldSessionID, []byte(sessionID))
	return appendVarintField(b, fieldAck, sequence)
}

func encodeHeartbeat(timestampMs int64) []byte {
	return appendVarintField(appendVarintField(nil, fieldType, typeHeartbeat), fieldTimestamp, uint64(timestampMs))
}

// encodeProbeAnswer repeats the probe with `ack` set to its sequence.
func encodeProbeAnswer(probe message) []byte {
	b := appendVarintField(nil, fieldType, typeHealthCheck)
	b = appendVarintField(b, fieldSequence, probe.sequence)
	b = appendVarintField(b, fieldAck, probe.sequence)
	return appendVarintField(b, fieldTimestamp, probe.timestamp)
}

// asBatch is a DataBatch of one.
func asBatch(message []byte) []byte { return appendBytesField(nil, fieldMessages, message) }

func appendVarintField(b []byte, number protowire.Number, value uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, number, protowire.VarintType), value)
}

func appendBytesField(b []byte, number protowire.Number, value []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, number, protowire.BytesType), value)
}

// frame is one pre-encoded gRPC message that is sent again and again with new counters in its payloads.
type frame struct {
	bytes []byte
	// Where each message in it starts, and its payload.
	messages []int
	payloads []int
	// Whether its messages bear sequence and ack.
	numbered bool
}

// newFrame encodes a DataMessage (batch 0) or a DataBatch of `batch` messages.
func newFrame(sessionID string, payload []byte, timestampMs int64, batch int, numbered bool) frame {
	one := encodeData(sessionID, payload, timestampMs, numbered)
	if batch == 0 {
		return frame{one, []int{0}, []int{len(one) - len(payload)}, numbered}
	}
	f := frame{numbered: numbered}
	for range batch {
		f.bytes = appendBytesField(f.bytes, fieldMessages, one)
		f.messages = append(f.messages, len(f.bytes)-len(one))
		f.payloads = append(f.payloads, len(f.bytes)-len(payload))
	}
	return f
}

// number writes the counter that opens each payload, the sequence, which is one more, and the ack.
func (f frame) number(counter, ack uint64) {
	for i, at := range f.payloads {
		binary.LittleEndian.PutUint64(f.bytes[at:], counter)
		if f.numbered {
			putPadded(f.bytes[f.messages[i]+sequenceAt:], counter+1)
			putPadded(f.bytes[f.messages[i]+ackAt:], ack)
		}
		counter++
	}
}
