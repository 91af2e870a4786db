package main

import "time"

// ServerConfig holds the limits of the original, with its defaults.
type ServerConfig struct {
	MaxConnections     int
	MaxMessageBytes    int
	QueueSize          int
	MaxSessions        int
	ReceiveTimeout     time.Duration
	SendTimeout        time.Duration
	HeartbeatInterval  time.Duration
	MaxInactivity      time.Duration
	HealthInterval     time.Duration
	ProbeAnswerTimeout time.Duration
	FlowControlDelay   time.Duration
	ReportInterval     time.Duration
	// Messages a second one connection is sent; 0 = no throttle.
	MessagesPerSecond float64
}

func DefaultServerConfig() ServerConfig {
	return ServerConfig{
		MaxConnections:     5000,
		MaxMessageBytes:    5 << 20,
		QueueSize:          512,
		MaxSessions:        100_000,
		ReceiveTimeout:     25 * time.Second,
		SendTimeout:        15 * time.Second,
		HeartbeatInterval:  20 * time.Second,
		MaxInactivity:      2 * time.Minute,
		HealthInterval:     45 * time.Second,
		ProbeAnswerTimeout: 10 * time.Second,
		FlowControlDelay:   100 * time.Millisecond,
		ReportInterval:     60 * time.Second,
	}
}
