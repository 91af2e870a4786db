package main

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
)

// Field and type numbers of proto/sluice/v1/stream.proto. The generator encodes and reads them itself, so that
// it costs the machine it shares with the server as little as it can.
const (
	fieldType      = 1
	fieldSessionID = 2
	fieldSequence  = 3
	fieldAck       = 4
	fieldTimestamp = 5
	fieldData      = 6
	fieldControl   = 10
	fieldMessages  = 1 // of DataBatch
	fieldOpen      = 2 // of Control
	fieldToken     = 3 // of Open
	fieldAttempt   = 11

	typeUnspecified = 0
	typeData        = 1
	typeHeartbeat   = 2
	typeControl     = 3
	typeHealthCheck = 4
	typeAck         = 5
)

// frameReader takes one received gRPC message; the bytes are valid during the call only.
type frameReader interface{ readFrame(frame []byte) error }

// rawCodec sends []byte as it is and hands received frames to a frameReader without copying them.
type rawCodec struct{}

func (rawCodec) Name() string { return "proto" }

func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(v.([]byte))}, nil
}

func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	buffer := data.MaterializeToBuffer(mem.DefaultBufferPool())
	defer buffer.Free()
	return v.(frameReader).readFrame(buffer.ReadOnlyData())
}

// message is what the generator reads of a DataMessage.
type message struct {
	kind      uint64
	sequence  uint64
	ack       uint64
	timestamp uint64
	data      []byte
}

func decodeMessage(b []byte) (message, error) {
	var m message
	for len(b) > 0 {
		number, wireType, n := protowire.ConsumeTag(b)
		if n < 0 {
			return m, protowire.ParseError(n)
		}
		b = b[n:]
		switch {
		case wireType == protowire.VarintType && number <= fieldTimestamp:
			value, n := protowire.ConsumeVarint(b)
			if n < 0 {
				return m, protowire.ParseError(n)
			}
			b = b[n:]
			switch number {
			case fieldType:
				m.kind = value
			case fieldSequence:
				m.sequence = value
			case fieldAck:
				m.ack = value
			case fieldTimestamp:
				m.timestamp = value
			}
		case wireType == protowire.BytesType && number == fieldData:
			value, n := protowire.ConsumeBytes(b)
			if n < 0 {
				return m, protowire.ParseError(n)
			}
			m.data = value
			b = b[n:]
		default:
			n := protowire.ConsumeFieldValue(number, wireType, b)
			if n < 0 {
				return m, protowire.ParseError(n)
			}
			b = b[n:]
		}
	}
	return m, nil
}

// eachMessage calls take for every message of a DataBatch.
func eachMessage(batch []byte, take func(m message) error) error {
	for len(batch) > 0 {
		number, wireType, n := protowire.ConsumeTag(batch)
		if n < 0 {
			return protowire.ParseError(n)
		}
		if number != fieldMessages || wireType != protowire.BytesType {
			return fmt.Errorf("field %d in a DataBatch", number)
		}
		value, m := protowire.ConsumeBytes(batch[n:])
		if m < 0 {
			return protowire.ParseError(m)
		}
		decoded, err := decodeMessage(value)
		if err != nil {
			return err
		}
		if err := take(decoded); err != nil {
			return err
		}
		batch = batch[n+m:]
	}
	return nil
}

// Sequence and ack take up 4 bytes each, so that they can be written in place: enough for 268 million messages.
const paddedBytes = 4

func putPadded(b []byte, value uint64) {
	for i := range paddedBytes {
		b[i] = byte(value>>(7*i))&0x7f | 0x80
	}
	b[paddedBytes-1] &= 0x7f
}

// encodeData leaves room for sequence and ack at the end of the fields that come before the payload's own.
func encodeData(sessionID string, payload []byte, timestampMs int64, numbered bool) []byte {
	b := protowire.AppendTag(nil, fieldType, protowire.VarintType)
	b = protowire.AppendVarint(b, typeData)
	if numbered {
		b = protowire.AppendTag(b, fieldSequence, protowire.VarintType)
		b = append(b, make([]byte, paddedBytes)...)
		b = protowire.AppendTag(b, fieldAck, protowire.VarintType)
		b = append(b, make([]byte, paddedBytes)...)
	}
	b = protowire.AppendTag(b, fieldSessionID, protowire.BytesType)
	b = protowire.AppendString(b, sessionID)
	b = protowire.AppendTag(b, fieldTimestamp, protowire.VarintType)
	b = protowire.AppendVarint(b, uint64(timestampMs))
	b = protowire.AppendTag(b, fieldData, protowire.BytesType)
	return protowire.AppendBytes(b, payload)
}

// Where sequence and ack are in what encodeData makes: behind the type, each behind its tag.
const (
	sequenceAt = 3
	ackAt      = sequenceAt + paddedBytes + 1
)

// encodeOpen opens a session; as a batch of one where `batched`.
func encodeOpen(sessionID string, batched bool) []byte {
	open := protowire.AppendTag(nil, fieldToken, protowire.BytesType)
	token := make([]byte, 16)
	_, _ = rand.Read(token) // Never fails.
	open = protowire.AppendBytes(open, token)
	open = protowire.AppendTag(open, fieldAttempt, protowire.VarintType)
	open = protowire.AppendVarint(open, 1)
	control := protowire.AppendTag(nil, fieldOpen, protowire.BytesType)
	control = protowire.AppendBytes(control, open)
	b := protowire.AppendTag(nil, fieldType, protowire.VarintType)
	b = protowire.AppendVarint(b, typeControl)
	b = protowire.AppendTag(b, fieldSessionID, protowire.BytesType)
	b = protowire.AppendString(b, sessionID)
	b = protowire.AppendTag(b, fieldControl, protowire.BytesType)
	b = protowire.AppendBytes(b, control)
	if !batched {
		return b
	}
	frame := protowire.AppendTag(nil, fieldMessages, protowire.BytesType)
	return protowire.AppendBytes(frame, b)
}

func encodeAck(sessionID string, sequence uint64) []byte {
	b := protowire.AppendTag(nil, fieldType, protowire.VarintType)
	b = protowire.AppendVarint(b, typeAck)
	b = protowire.AppendTag(b, fieldSessionID, protowire.BytesType)
	b = protowire.AppendString(b, sessionID)
	b = protowire.AppendTag(b, fieldAck, protowire.VarintType)
	return protowire.AppendVarint(b, sequence)
}

func encodeHeartbeat(timestampMs int64) []byte {
	b := protowire.AppendTag(nil, fieldType, protowire.VarintType)
	b = protowire.AppendVarint(b, typeHeartbeat)
	b = protowire.AppendTag(b, fieldTimestamp, protowire.VarintType)
	return protowire.AppendVarint(b, uint64(timestampMs))
}

// encodeProbeAnswer repeats the probe with `ack` set to its sequence.
func encodeProbeAnswer(probe message) []byte {
	b := protowire.AppendTag(nil, fieldType, protowire.VarintType)
	b = protowire.AppendVarint(b, typeHealthCheck)
	b = protowire.AppendTag(b, fieldSequence, protowire.VarintType)
	b = protowire.AppendVarint(b, probe.sequence)
	b = protowire.AppendTag(b, fieldAck, protowire.VarintType)
	b = protowire.AppendVarint(b, probe.sequence)
	b = protowire.AppendTag(b, fieldTimestamp, protowire.VarintType)
	return protowire.AppendVarint(b, probe.timestamp)
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
		f.bytes = protowire.AppendTag(f.bytes, fieldMessages, protowire.BytesType)
		f.bytes = protowire.AppendBytes(f.bytes, one)
		f.messages = append(f.messages, len(f.bytes)-len(one))
		f.payloads = append(f.payloads, len(f.bytes)-len(payload))
	}
	return f
}

// number writes the counter that opens each payload, and what it is numbered by; returns the counter after the last.
func (f frame) number(counter, received uint64) uint64 {
	for i, at := range f.payloads {
		binary.LittleEndian.PutUint64(f.bytes[at:], counter)
		if f.numbered {
			putPadded(f.bytes[f.messages[i]+sequenceAt:], counter+1)
			putPadded(f.bytes[f.messages[i]+ackAt:], received)
		}
		counter++
	}
	return counter
}
