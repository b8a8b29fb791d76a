package main

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/spf13/pflag"

	"github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/entropy"
	"github.com/countersign-auth/countersign/drivers/internal/setup"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/kerberos"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/machine/trace"
	"github.com/countersign-auth/countersign/ntlm"
)

// traceOptions holds the flags for recording.
type traceOptions struct{ file, keyFile string }

func (o *traceOptions) flags(f *pflag.FlagSet) {
	f.StringVar(&o.file, "trace", "", "`FILE` to record the machines' steps in, redacted unless --trace-key is given")
	f.StringVar(&o.keyFile, "trace-key", "", "`FILE` with 32 random bytes in hex or base64: seals (encrypts) the trace with this key, so that replay can run it again")
}

// recorder writes a trace. A nil recorder records nothing.
type recorder struct {
	key   gss.Secret
	label string

	mu  sync.Mutex
	out io.WriteCloser
	enc trace.Encoder
	err error // the first; nothing is written after it
}

// open starts the trace that the flags ask for. The recorder is nil if they ask for none.
func (o *traceOptions) open(s setup.Machine) (*recorder, error) {
	if o.file == "" {
		if o.keyFile != "" {
			return nil, errors.New("--trace-key needs --trace")
		}
		return nil, nil
	}
	r := &recorder{}
	env := entropy.Env()
	if o.keyFile != "" {
		key, err := readKey(o.keyFile)
		if err != nil {
			return nil, err
		}
		label, _ := env.Bytes("label", 16)
		r.key, r.label = key, hex.EncodeToString([]byte(label))
		s.Label = r.label
	}
	text, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	enc, line, err := trace.NewEncoder(trace.Config{Key: r.key, Vocabulary: vocabulary(), Setup: gss.NewSecret(string(text))}, env)
	if err != nil {
		return nil, err
	}
	r.enc = enc
	f, err := os.OpenFile(o.file, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	if _, err := f.Write(line); err != nil {
		f.Close()
		return nil, err
	}
	r.out = f
	return r, nil
}

// vocabulary returns the questions and answers of all schemes.
func vocabulary() trace.Vocabulary {
	v, err := trace.Vocab(
		kerberos.Tickets{}, kerberos.Keys{}, kerberos.NeedTicket{}, kerberos.Ticket{}, kerberos.KeepTicket{}, kerberos.Kept{},
		kerberos.NeedHostName{}, kerberos.HostName{},
		kerberos.NeedServiceKey{}, kerberos.ServiceKeys{}, kerberos.Delegated{},
		digest.HA1{}, digest.NeedBodyHash{}, digest.BodyHash{},
		ntlm.Hash{}, ntlm.External{}, ntlm.Anonymous{}, ntlm.NeedResponse{}, ntlm.Computed{}, ntlm.NeedLogon{}, ntlm.Logon{},
	)
	if err != nil { // a constant
		panic(err)
	}
	return v
}

// nonceKey returns the key of a server's nonces. For a sealed trace it is derived from the
// trace's key, so that replay can derive it again; otherwise it is random.
func (r *recorder) nonceKey() gss.Secret {
	if r == nil || r.label == "" {
		seed := entropy.Env().Seed
		return gss.NewSecret(string(seed[:]))
	}
	return setup.NonceKey(r.key, r.label)
}

// observer returns an observer that records the machines of one role.
func (r *recorder) observer(role trace.Role) drive.Observer {
	if r == nil {
		return nil
	}
	return func(conn uint64, env gss.Env, e machine.Event, acts machine.Actions) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.err != nil || r.out == nil {
			return
		}
		enc, line, err := r.enc.Append(nil, trace.Record{Role: role, Name: strconv.FormatUint(conn, 10), Env: env, Event: e, Actions: acts})
		if err == nil {
			r.enc = enc
			_, err = r.out.Write(line)
		}
		r.err = err
	}
}

// Close ends the trace and returns the first error of recording.
func (r *recorder) Close() error {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.out == nil {
		return nil
	}
	if r.err == nil {
		_, r.err = r.out.Write(r.enc.End(nil))
	}
	err := errors.Join(r.err, r.out.Close())
	r.out = nil
	if err != nil {
		return fmt.Errorf("the trace is incomplete: %w", err)
	}
	return nil
}

// readKey reads a trace's key: 32 bytes in hex or base64.
func readKey(file string) (gss.Secret, error) {
	f, err := os.Open(file)
	if err != nil {
		return gss.Secret{}, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, 1024))
	if err != nil {
		return gss.Secret{}, err
	}
	s := strings.TrimSpace(string(text))
	for _, decode := range []func(string) ([]byte, error){
		hex.DecodeString, base64.StdEncoding.DecodeString, base64.RawStdEncoding.DecodeString,
		base64.URLEncoding.DecodeString, base64.RawURLEncoding.DecodeString,
	} {
		if b, err := decode(s); err == nil && len(b) == 32 {
			return gss.NewSecret(string(b)), nil
		}
	}
	return gss.Secret{}, fmt.Errorf("%s: expected a key of 32 bytes in hex or base64", file)
}
