package main

import (
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

type sessionKey struct{ clientID, sessionID string }

// Session is one logical conversation; only its connection's process loop touches it.
type Session struct {
	mu           sync.Mutex
	created      time.Time
	lastActivity time.Time
	messages     uint64
}

// Touch notes a message.
func (s *Session) Touch(now time.Time) {
	s.mu.Lock()
	s.lastActivity = now
	s.messages++
	s.mu.Unlock()
}

// SessionManager keys sessions by clientID:sessionID.
type SessionManager struct {
	mu       sync.RWMutex
	capacity int
	sessions map[sessionKey]*Session
}

func NewSessionManager(capacity int) *SessionManager {
	return &SessionManager{capacity: capacity, sessions: make(map[sessionKey]*Session)}
}

// Get finds the session or opens it.
func (m *SessionManager) Get(clientID, sessionID string, now time.Time) (*Session, error) {
	key := sessionKey{clientID, sessionID}
	m.mu.RLock()
	session := m.sessions[key]
	m.mu.RUnlock()
	if session != nil {
		return session, nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if session = m.sessions[key]; session != nil {
		return session, nil
	}
	if len(m.sessions) >= m.capacity {
		return nil, status.Errorf(codes.ResourceExhausted, "more than %d sessions", m.capacity)
	}
	session = &Session{created: now, lastActivity: now}
	m.sessions[key] = session
	return session, nil
}

// Close forgets the sessions a connection opened.
func (m *SessionManager) Close(clientID string, sessionIDs map[string]struct{}) {
	m.mu.Lock()
	for id := range sessionIDs {
		delete(m.sessions, sessionKey{clientID, id})
	}
	m.mu.Unlock()
}
