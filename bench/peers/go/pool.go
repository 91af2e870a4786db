package main

import "sync"

// ConnectionPool holds the live connections under one mutex, up to a capacity.
type ConnectionPool struct {
	mu          sync.RWMutex
	capacity    int
	connections map[string]*ClientConnection
}

func NewConnectionPool(capacity int) *ConnectionPool {
	return &ConnectionPool{capacity: capacity, connections: make(map[string]*ClientConnection)}
}

// Add reports false when the pool is full.
func (p *ConnectionPool) Add(connection *ClientConnection) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.connections) >= p.capacity {
		return false
	}
	p.connections[connection.ID] = connection
	return true
}

func (p *ConnectionPool) Remove(connection *ClientConnection) {
	p.mu.Lock()
	delete(p.connections, connection.ID)
	p.mu.Unlock()
}

func (p *ConnectionPool) Size() int {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return len(p.connections)
}

func (p *ConnectionPool) Snapshot() []*ClientConnection {
	p.mu.RLock()
	defer p.mu.RUnlock()
	all := make([]*ClientConnection, 0, len(p.connections))
	for _, connection := range p.connections {
		all = append(all, connection)
	}
	return all
}
