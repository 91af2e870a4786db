package main

import (
	"time"

	pb "sluice.dev/bench/gen/sluicepb"
)

// Handler gives the messages of a stream their meaning. Its stream's process loop calls it, so never twice at a
// time for one stream.
type Handler interface {
	// Open is called at the first message of a session, before it is handled.
	Open(connection *ClientConnection, sessionID string)
	// Handle returns the answer, or nil.
	Handle(message *pb.DataMessage, now time.Time) *pb.DataMessage
	// Close is called when the stream is over.
	Close(connection *ClientConnection)
}

// newHandlers names the handlers as the request metadata x-route does.
func newHandlers() map[string]Handler {
	subscribers := &subscriberList{}
	return map[string]Handler{
		"echo":       echoHandler{},
		"sink":       sinkHandler{},
		"fanout-in":  publishHandler{subscribers: subscribers},
		"fanout-out": subscribeHandler{subscribers: subscribers},
	}
}

// stateless is embedded by handlers to which opening and closing mean nothing.
type stateless struct{}

func (stateless) Open(*ClientConnection, string) {}
func (stateless) Close(*ClientConnection)        {}

type echoHandler struct{ stateless }

func (echoHandler) Handle(message *pb.DataMessage, now time.Time) *pb.DataMessage {
	return &pb.DataMessage{
		Type:        pb.MessageType_MESSAGE_TYPE_DATA,
		SessionId:   message.SessionId,
		TimestampMs: now.UnixMilli(),
		Data:        message.Data,
		Metadata:    message.Metadata,
		Key:         message.Key,
	}
}

type sinkHandler struct{ stateless }

func (sinkHandler) Handle(*pb.DataMessage, time.Time) *pb.DataMessage { return nil }
