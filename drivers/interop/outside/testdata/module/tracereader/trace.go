// Package tracereader records what a client does, and draws it.
package tracereader

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/countersign-auth/countersign/drivers/entropy"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/machine/trace"
)

// Recorder writes a trace of a client's machines. Its Observe is an observer of drivers.
type Recorder struct {
	mu      sync.Mutex
	encoder trace.Encoder
	out     io.Writer
	err     error
}

// NewRecorder returns a recorder of a redacted trace, which holds no secret.
func NewRecorder(out io.Writer) (*Recorder, error) {
	encoder, first, err := trace.NewEncoder(trace.Config{}, entropy.Env())
	if err != nil {
		return nil, err
	}
	_, err = out.Write(first)
	return &Recorder{encoder: encoder, out: out}, err
}

// Observe records a step.
func (r *Recorder) Observe(conn uint64, env gss.Env, event machine.Event, actions machine.Actions) {
	r.mu.Lock()
	defer r.mu.Unlock()
	encoder, line, err := r.encoder.Append(nil, trace.Record{
		Role: trace.Client, Name: fmt.Sprintf("connection %d", conn), Env: env, Event: event, Actions: actions,
	})
	if err == nil {
		r.encoder = encoder
		_, err = r.out.Write(line)
	}
	r.err = errors.Join(r.err, err)
}

// Close ends the trace.
func (r *Recorder) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, err := r.out.Write(r.encoder.End(nil))
	return errors.Join(r.err, err)
}

// Draw returns the diagram of a trace, and an error if the trace is not whole or not
// consistent.
func Draw(data []byte) (string, error) {
	read, err := trace.Decode(trace.Config{}, data)
	if err != nil {
		return "", err
	}
	if !read.Ended {
		return "", errors.New("tracereader: the trace has no end")
	}
	for _, finding := range trace.Structure(read.Lines) {
		if finding.Broken != "" {
			return "", fmt.Errorf("tracereader: step %d: %s", finding.Seq, finding.Broken)
		}
	}
	return trace.Mermaid(read.Lines), nil
}
