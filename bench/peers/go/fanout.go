package main

import (
	"slices"
	"sync"
	"time"

	pb "sluice.dev/bench/gen/sluicepb"
)

type subscriber struct {
	connection *ClientConnection
	sessionID  string
}

// subscriberList is read for every publication and hardly ever written.
type subscriberList struct {
	mu  sync.RWMutex
	all []subscriber
}

// Snapshot must not be changed.
func (l *subscriberList) Snapshot() []subscriber {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.all
}

func (l *subscriberList) Add(one subscriber) {
	l.mu.Lock()
	l.all = append(slices.Clip(l.all), one)
	l.mu.Unlock()
}

func (l *subscriberList) RemoveOf(connection *ClientConnection) {
	l.mu.Lock()
	rest := make([]subscriber, 0, len(l.all))
	for _, one := range l.all {
		if one.connection != connection {
			rest = append(rest, one)
		}
	}
	l.all = rest
	l.mu.Unlock()
}

// subscribeHandler makes every session a subscriber; what it sends is ignored.
type subscribeHandler struct{ subscribers *subscriberList }

func (h subscribeHandler) Open(connection *ClientConnection, sessionID string) {
	h.subscribers.Add(subscriber{connection, sessionID})
}

func (h subscribeHandler) Handle(*pb.DataMessage, time.Time) *pb.DataMessage { return nil }

func (h subscribeHandler) Close(connection *ClientConnection) {
	h.subscribers.RemoveOf(connection)
}

// publishHandler sends each message to every subscriber, through its send queue. A full queue makes the publisher
// wait, for as long as a send may take.
type publishHandler struct {
	stateless
	subscribers *subscriberList
}

func (h publishHandler) Handle(message *pb.DataMessage, now time.Time) *pb.DataMessage {
	for _, to := range h.subscribers.Snapshot() {
		to.connection.enqueue(&pb.DataMessage{
			Type:        pb.MessageType_MESSAGE_TYPE_DATA,
			SessionId:   to.sessionID,
			TimestampMs: now.UnixMilli(),
			Data:        message.Data,
			Metadata:    message.Metadata,
			Key:         message.Key,
		})
	}
	return nil
}
