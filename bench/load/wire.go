package main

import (
	"fmt"

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

	fieldMessages = 1 // of DataBatch

	// Of Control.
	fieldWelcome = 1
	fieldOpen    = 2
	fieldOpened  = 3
	fieldClosed  = 5
	fieldGap     = 9
	fieldError   = 13

	// Of Open.
	fieldRoute   = 1
	fieldToken   = 3
	fieldAttempt = 11

	// Of Opened.
	fieldWindowMessages = 4
	fieldWindowBytes    = 5

	typeUnspecified = 0
	typeData        = 1
	typeHeartbeat   = 2
	typeControl     = 3
	typeHealthCheck = 4
	typeAck         = 5
)

// message is what the generator reads of a DataMessage; the bytes are views of what came.
type message struct {
	kind      uint64
	sessionID []byte
	sequence  uint64
	ack       uint64
	timestamp uint64
	data      []byte
	control   []byte
}

func decodeMessage(b []byte) (message, error) {
	var m message
	return m, eachField(b, func(number protowire.Number, value uint64, bytes []byte) {
		switch number {
		case fieldType:
			m.kind = value
		case fieldSessionID:
			m.sessionID = bytes
		case fieldSequence:
			m.sequence = value
		case fieldAck:
			m.ack = value
		case fieldTimestamp:
			m.timestamp = value
		case fieldData:
			m.data = bytes
		case fieldControl:
			m.control = bytes
		}
	})
}

// eachField calls `take` for each field that is a varint, or bytes.
func eachField(b []byte, take func(number protowire.Number, value uint64, bytes []byte)) error {
	for len(b) > 0 {
		number, wireType, n := protowire.ConsumeTag(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		switch wireType {
		case protowire.VarintType:
			var value uint64
			if value, n = protowire.ConsumeVarint(b); n >= 0 {
				take(number, value, nil)
			}
		case protowire.BytesType:
			var bytes []byte
			if bytes, n = protowire.ConsumeBytes(b); n >= 0 {
				take(number, 0, bytes)
			}
		default:
			n = protowire.ConsumeFieldValue(number, wireType, b)
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
	}
	return nil
}

// eachMessage calls `take` for every message of a DataBatch.
func eachMessage(batch []byte, take func(m message) error) error {
	var wrong error
	err := eachField(batch, func(number protowire.Number, _ uint64, bytes []byte) {
		if wrong != nil {
			return
		}
		if number != fieldMessages {
			wrong = fmt.Errorf("field %d in a DataBatch", number)
			return
		}
		var m message
		if m, wrong = decodeMessage(bytes); wrong == nil {
			wrong = take(m)
		}
	})
	if wrong != nil {
		return wrong
	}
	return err
}

// control is what a Control says: its action, and of Opened the windows, of what ends something the reason.
type control struct {
	action   protowire.Number
	messages int
	bytes    int
	code     string
	reason   string
}

func decodeControl(b []byte) (control, error) {
	var c control
	var action []byte
	err := eachField(b, func(number protowire.Number, _ uint64, bytes []byte) {
		c.action, action = number, bytes
	})
	if err != nil {
		return c, err
	}
	return c, eachField(action, func(number protowire.Number, value uint64, bytes []byte) {
		switch {
		case c.action == fieldOpened && number == fieldWindowMessages:
			c.messages = int(value)
		case c.action == fieldOpened && number == fieldWindowBytes:
			c.bytes = int(value)
		case (c.action == fieldClosed || c.action == fieldError) && number == 1:
			c.code = string(bytes)
		case (c.action == fieldClosed || c.action == fieldError) && number == 2:
			c.reason = string(bytes)
		}
	})
}
