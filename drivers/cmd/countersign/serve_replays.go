package main

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/pflag"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/internal/bounds"
	"github.com/countersign-auth/countersign/drivers/krb5"
)

// memoryOptions holds the flags of a server's replay memories.
type memoryOptions struct {
	max   int
	since string
}

func (o *memoryOptions) flags(f *pflag.FlagSet) {
	f.IntVar(&o.max, "replay-max", answer.Room(1000, 10*time.Minute), "`N` Digest nonces, and as many Kerberos requests, to remember against replays: twice the logins a second times the seconds that one stays valid; each takes 48 bytes")
	f.StringVar(&o.since, "replay-since", "", "`WHEN` the memory of Kerberos requests began: start refuses requests made before the server's start, for which there is no memory (default: accept them)")
}

func (o *memoryOptions) check() error {
	switch {
	case o.max < 1 || o.max > bounds.Replays:
		return fmt.Errorf("--replay-max: expected 1 to %d", bounds.Replays)
	case o.since != "" && o.since != "start":
		return errors.New("--replay-since: expected start")
	}
	return nil
}

// nonces returns the memory of Digest's nonce counts.
func (o *memoryOptions) nonces(log *slog.Logger) *answer.ReplayCache {
	return &answer.ReplayCache{Max: o.max, Log: logFill(log, "Digest nonces")}
}

// requests returns the memory of Kerberos requests.
func (o *memoryOptions) requests(log *slog.Logger) *krb5.ReplayCache {
	since := int64(0)
	if o.since == "start" { // REPLAY-5, C63
		since = time.Now().UnixNano()
	}
	r := krb5.NewReplayCache(o.max, since)
	r.Memory.Log = logFill(log, "Kerberos requests")
	return r
}

// logFill returns a function that logs that a memory fills up.
func logFill(log *slog.Logger, of string) func(held, max int) {
	return func(held, max int) {
		log.Warn("replay memory is 80 % full", slog.String("of", of), slog.Int("held", held), slog.Int("max", max),
			slog.String("detail", "when it is full, the users with the most entries must authenticate again (Digest) or are refused until their older requests expire (Kerberos); raise --replay-max"))
	}
}
