// Command go-client sends numbers to a route that echoes them, and prints, as one JSON object, what came of it. Break
// its connections meanwhile, as you like.
package main

//go:generate ../../node_modules/.bin/buf generate ../../proto --template buf.gen.yaml --path ../../proto/sluice/v1/stream.proto

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"sluice.dev/examples/go-client/session"
	pb "sluice.dev/examples/go-client/sluicepb"
)

var (
	address   = flag.String("address", "localhost:50051", "the gateway's `host:port`")
	clientID  = flag.String("client-id", "go-"+rand.Text()[:8], "whose the session is")
	route     = flag.String("route", "echo", "what the session talks to")
	messages  = flag.Int("messages", 1_000, "how many numbers to send")
	delay     = flag.Duration("delay", 0, "the wait between two of them")
	size      = flag.Int("size", 0, "`bytes` of each payload, which is filled up with spaces")
	tokenFile = flag.String("token-file", "", "the `file` with the token to show, read each time one is needed")
)

type summary struct {
	Sent            uint64   `json:"sent"`
	Accepted        uint64   `json:"accepted"`
	Received        int      `json:"received"`
	EachOnceInOrder bool     `json:"eachOnceInOrder"`
	Connections     int      `json:"connections"`
	Lost            []string `json:"lost"`
	Failed          []string `json:"failed"`
	Closed          string   `json:"closed"`
	Reason          string   `json:"reason"`
}

func main() {
	flag.Parse()
	result, err := echoNumbers(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(result); err != nil {
		log.Fatal(err)
	}
}

func echoNumbers(ctx context.Context) (*summary, error) {
	result := &summary{EachOnceInOrder: true, Lost: []string{}, Failed: []string{}}
	var numbers *session.Session
	config := session.Config{
		ID:       "numbers",
		ClientID: *clientID,
		Route:    *route,
		Consume: func(payload []byte) error {
			result.Received++
			number, err := strconv.Atoi(strings.TrimRight(string(payload), " "))
			if number != result.Received {
				result.EachOnceInOrder = false
			}
			if result.Received == *messages {
				numbers.Close()
			}
			return err
		},
		Lost: func(first, last uint64, reason string) {
			result.Lost = append(result.Lost, fmt.Sprintf("%d to %d: %s", first, last, reason))
		},
		Failed: func(failure *pb.Error) {
			result.Failed = append(result.Failed, fmt.Sprintf("%d: %s %s", failure.GetSequence(), failure.GetCode(), failure.GetMessage()))
		},
	}
	if *tokenFile != "" {
		config.Token = func(context.Context) (string, error) {
			token, err := os.ReadFile(*tokenFile)
			return strings.TrimSpace(string(token)), err
		}
	}
	numbers = session.New(config)
	go send(ctx, numbers)
	err := numbers.Run(ctx, *address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if ended := (*session.EndedError)(nil); errors.As(err, &ended) {
		result.Closed, result.Reason = ended.Code, ended.Reason
	} else if err != nil {
		return nil, err
	}
	var acknowledged uint64
	result.Sent, acknowledged, result.Connections = numbers.Progress()
	result.EachOnceInOrder = result.EachOnceInOrder && result.Received == *messages
	result.Accepted = acknowledged - uint64(len(result.Failed))
	return result, nil
}

func send(ctx context.Context, numbers *session.Session) {
	for number := 1; number <= *messages; number++ {
		payload := fmt.Appendf(nil, "%-*d", *size, number)
		if _, err := numbers.Send(ctx, payload); err != nil {
			log.Print(err)
			return
		}
		time.Sleep(*delay)
	}
}
