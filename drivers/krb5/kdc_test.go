package krb5

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/countersign-auth/countersign/drivers/entropy"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/kerberos/message"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/kerberos"
	"github.com/countersign-auth/countersign/kerberos/ccache"
	"github.com/countersign-auth/countersign/kerberos/kdctest"
	"github.com/countersign-auth/countersign/kerberos/keytab"
	"github.com/countersign-auth/countersign/kerberos/krb"
	"github.com/countersign-auth/countersign/kerberos/krb5conf"
	"github.com/countersign-auth/countersign/kerberos/ticket"
)

// mangling is what becomes of a reply on its way; nil leaves it as it is,
// a nil reply is never sent.
type mangling func(reply []byte) []byte

// front is a KDC on loopback.
type front struct {
	address string
	mu      sync.Mutex
	asked   []string // networks
}

func (f *front) note(network string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, network)
}

func (f *front) networks() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.asked, " ")
}

func newKDC(t *testing.T) *kdctest.KDC {
	t.Helper()
	k, err := kdctest.New(kdctest.Config{Realms: []kdctest.Realm{{Name: "A.TEST", Principals: []kdctest.Principal{{Name: "alice", Password: "wonder"}, {Name: "HTTP/www", Password: "x"}}}}})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// listen brings up a KDC on UDP and TCP of one port.
func listen(t *testing.T, k *kdctest.KDC, datagram, stream mangling) *front {
	t.Helper()
	var tcp net.Listener
	var udp net.PacketConn
	err := errors.New("not tried")
	for range 100 { // a port that is free for one may be in use for the other
		if tcp, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			break
		}
		if udp, err = net.ListenPacket("udp", tcp.Addr().String()); err == nil {
			break
		}
		tcp.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	f := &front{address: tcp.Addr().String()}
	var wg sync.WaitGroup
	wg.Go(func() {
		b := make([]byte, 1<<16)
		for {
			n, from, err := udp.ReadFrom(b)
			if err != nil {
				return
			}
			f.note("udp")
			reply := []byte(k.Answer(entropy.Env(), "A.TEST", string(b[:n])))
			if datagram != nil {
				reply = datagram(reply)
			}
			if reply != nil {
				udp.WriteTo(reply, from)
			}
		}
	})
	wg.Go(func() {
		for {
			c, err := tcp.Accept()
			if err != nil {
				return
			}
			f.note("tcp")
			c.SetDeadline(time.Now().Add(5 * time.Second))
			request, err := unframe(c)
			if err == nil {
				reply := frame([]byte(k.Answer(entropy.Env(), "A.TEST", string(request))))
				if stream != nil {
					reply = stream(reply)
				}
				c.Write(reply)
			}
			c.Close()
		}
	})
	t.Cleanup(func() {
		udp.Close()
		tcp.Close()
		wg.Wait()
	})
	return f
}

func config(t *testing.T, more string, kdcs ...string) *krb5conf.Config {
	t.Helper()
	text := "[libdefaults]\n" + more + "\n[realms]\nA.TEST = {\n"
	for _, k := range kdcs {
		text += "kdc = " + k + "\n"
	}
	return parsed(t, text+"}\n")
}

func parsed(t *testing.T, text string) *krb5conf.Config {
	t.Helper()
	c, fault := krb5conf.Parse(text, nil)
	if !fault.IsZero() {
		t.Fatal(fault)
	}
	return c
}

// login gets a ticket by way of c.
func login(t *testing.T, c *Client) ticket.Result {
	t.Helper()
	alice, _ := krb.ParsePrincipal("alice@A.TEST", "")
	x := ticket.New(ticket.Request{Client: alice, Password: gss.NewSecret("wonder"), Types: krb.ETypesOf(krb.AES256SHA1)})
	var a gss.Answer
	for {
		next, r, err := x.Step(entropy.Env(), a)
		if err != nil {
			t.Fatal(err)
		}
		if r.Ask == nil {
			return r
		}
		x, a = next, c.Answer(t.Context(), r.Ask)
	}
}

func tooBigError() []byte {
	e := message.Error{Code: message.ErrResponseTooBig}
	e.Service, _ = krb.ParsePrincipal("krbtgt/A.TEST@A.TEST", "")
	return e.Append(nil)
}

func TestClient(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead := closed.Addr().String()
	closed.Close()
	for _, row := range []struct {
		name     string
		more     string
		before   []string
		datagram mangling
		stream   mangling
		want     gss.Code
		asked    string
	}{
		{"by UDP", "", nil, nil, nil, 0, "udp udp"},
		{"by TCP", "udp_preference_limit = 1", nil, nil, nil, 0, "tcp tcp"},
		{"too big for a datagram", "", nil, func([]byte) []byte { return tooBigError() }, nil, 0, "udp tcp udp tcp"},
		{"the first KDC does not respond", "", []string{dead}, nil, nil, 0, "udp udp"},
		{"by TCP alone", "", []string{"tcp/"}, nil, nil, 0, "tcp tcp"},
		{"by UDP alone", "udp_preference_limit = 1", []string{"udp/"}, nil, nil, 0, "udp udp"},
		{"a silent one", "", nil, func([]byte) []byte { return nil }, nil, 0, "udp tcp udp tcp"},
		{"garbage", "", nil, func([]byte) []byte { return []byte("garbage") }, nil, 0, "udp tcp udp tcp"},
		{"more than may be", "udp_preference_limit = 1", nil, nil, func([]byte) []byte { return binary.BigEndian.AppendUint32(nil, maxReply+1) }, gss.QuestionFailed, "tcp"},
		{"less than was promised", "udp_preference_limit = 1", nil, nil, func(b []byte) []byte { return b[:len(b)-1] }, gss.QuestionFailed, "tcp"},
	} {
		t.Run(row.name, func(t *testing.T) {
			f := listen(t, newKDC(t), row.datagram, row.stream)
			places := append(row.before, f.address)
			if len(row.before) > 0 && strings.HasSuffix(row.before[0], "/") {
				places = []string{row.before[0] + f.address}
			}
			c := &Client{Config: config(t, row.more, places...), Timeout: 200 * time.Millisecond}
			r := login(t, c)
			if r.Fault.Code != row.want || f.networks() != row.asked {
				t.Errorf("%v, asked by %s", r.Fault, f.networks())
			}
		})
	}
	t.Run("nobody is known", func(t *testing.T) {
		c := &Client{Config: config(t, "dns_lookup_kdc = false")}
		if r := login(t, c); r.Fault.Code != gss.QuestionFailed {
			t.Error(r.Fault)
		}
	})
	t.Run("by DNS", func(t *testing.T) {
		f := listen(t, newKDC(t), nil, nil)
		host, port, _ := net.SplitHostPort(f.address)
		var n uint16
		fmt.Sscan(port, &n)
		c := &Client{Lookup: func(_ context.Context, service, proto, name string) (string, []*net.SRV, error) {
			if service != "kerberos" || name != "A.TEST" {
				t.Errorf("asks for %s %s", service, name)
			}
			if proto == "tcp" {
				return "", nil, errors.New("none")
			}
			return "", []*net.SRV{{Target: ".", Port: 0}, {Target: host + ".", Port: n}}, nil
		}}
		c.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, f.address)
		}
		if r := login(t, c); !r.Done() {
			t.Error(r.Fault)
		}
	})
	t.Run("the context ends", func(t *testing.T) {
		f := listen(t, newKDC(t), func([]byte) []byte { return nil }, nil)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		c := &Client{Config: config(t, "", f.address, f.address, f.address), Timeout: time.Hour}
		if _, err := c.roundTrip(ctx, "A.TEST", []byte("x")); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
	if c := (&Client{}); c.Answer(t.Context(), gss.NeedReplayCheck{}) != (gss.Declined{}) || c.Answer(t.Context(), gss.NeedExchange{Service: "netlogon"}) != (gss.Declined{}) {
		t.Error("answers what it does not know")
	}
}

// MS-KKDCP, with a proxy that takes the message apart by hand.
func TestProxy(t *testing.T) {
	k := newKDC(t)
	status, mangle := http.StatusOK, func(b []byte) []byte { return b }
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		request, err := parseProxyMessage(body)
		if err != nil || r.URL.Path != "/KdcProxy" || r.Method != http.MethodPost || !strings.Contains(string(body), "A.TEST") {
			t.Errorf("%v %s", err, r.URL)
		}
		reply, _ := proxyMessage(frame([]byte(k.Answer(entropy.Env(), "A.TEST", string(request)))), "A.TEST")
		w.WriteHeader(status)
		w.Write(mangle(reply))
	}))
	defer s.Close()
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	c := &Client{Config: config(t, "", s.URL), TLS: &tls.Config{RootCAs: pool}}
	if r := login(t, c); !r.Done() {
		t.Fatal(r.Fault)
	}
	dir := t.TempDir()
	anchor := filepath.Join(dir, "anchor.pem")
	if err := os.WriteFile(anchor, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("ANCHORS", "FILE:"+anchor)
	for text, want := range map[string]bool{
		"FILE:" + anchor: true, "DIR:" + dir: true, "ENV:ANCHORS": true, "FILE:" + dir + "/none": false, "DIR:" + dir + "/none": false,
		"ENV:NOTHING": false, "PKCS11:x": false, "FILE:/dev/null": false,
	} {
		c := &Client{Config: parsed(t, "[realms]\nA.TEST = {\nkdc = "+s.URL+"\nhttp_anchors = "+text+"\n}\n")}
		if r := login(t, c); r.Done() != want {
			t.Errorf("http_anchors = %s: %v", text, r.Fault)
		}
		requirement.Held(t, "unit:krb_proxy_anchors", "KRB-70")
	}
	if r := login(t, &Client{Config: config(t, "", s.URL)}); r.Done() {
		t.Error("a proxy that nothing vouches for is asked")
	}
	mangle = func(b []byte) []byte { return b[1:] }
	if r := login(t, c); r.Fault.Code != gss.QuestionFailed {
		t.Error(r.Fault)
	}
	mangle = func(b []byte) []byte { return b }
	status = http.StatusFound
	if r := login(t, c); r.Fault.Code != gss.QuestionFailed {
		t.Error(r.Fault)
	}
}

// C34: requests from before the memory began are the scheme's to refuse, and Digest's
// questions are not for it.
func TestReplays(t *testing.T) {
	at := time.Unix(1_795_608_000, 0).UnixNano()
	need := gss.NeedReplayCheck{Scope: "Kerberos", Owner: "alice@A.TEST", Key: "k", Made: at, Now: at, Until: at + int64(10*time.Minute)}
	r := NewReplayCache(100, 42)
	for _, want := range []gss.ReplayVerdict{{First: true, Since: 42}, {Since: 42}} {
		if a := r.Answer(t.Context(), need); a != want {
			t.Errorf("%+v, want %+v", a, want)
		}
	}
	need.Forgettable = true
	for _, q := range []gss.Question{need, gss.NeedVerifier{}} {
		if a := r.Answer(t.Context(), q); a != (gss.Declined{}) {
			t.Errorf("%T: %v", q, a)
		}
	}
	if a := new(ReplayCache).Answer(t.Context(), gss.NeedReplayCheck{Key: "x", Until: 1}); a != (gss.ReplayVerdict{First: true}) {
		t.Errorf("the zero Replays: %v", a)
	}
}

func credential(server string, end krb.Time) ccache.Credential {
	c, _ := krb.ParsePrincipal("alice@A.TEST", "")
	s, _ := krb.ParsePrincipal(server, "")
	key, _ := krb.NewKey(krb.AES128SHA1, "0123456789abcdef")
	return ccache.Credential{Client: c, Server: s, Key: key, EndTime: end, Ticket: "ticket"}
}

func TestTickets(t *testing.T) {
	var s Tickets
	c := credential("HTTP/www@A.TEST", 1000)
	ask := func(identity string, server krb.Principal, until krb.Time) gss.Answer {
		return s.Answer(context.Background(), kerberos.NeedTicket{Identity: identity, Client: c.Client, Server: server, Until: until})
	}
	if ask("", c.Server, 1) != (gss.Unknown{}) {
		t.Error("an empty store has something")
	}
	s.Answer(context.Background(), kerberos.KeepTicket{Identity: "one", Credential: c})
	if ask("one", c.Server, 1) != (kerberos.Ticket{Credential: c}) || ask("one", krb.Principal{Name: c.Server.Name}, 1) != (kerberos.Ticket{Credential: c}) {
		t.Error("what was kept is not there")
	}
	if ask("two", c.Server, 1) != (gss.Unknown{}) || ask("one", c.Server, 1000) != (gss.Unknown{}) || ask("one", krb.TGS("A", "A"), 1) != (gss.Unknown{}) {
		t.Error("another identity's, an ended one, or another service's is handed out")
	}
	for i := range maxTickets + 10 {
		s.Answer(context.Background(), kerberos.KeepTicket{Credential: credential(fmt.Sprintf("HTTP/%d@A.TEST", i), krb.Time(time.Now().Unix()+1000+int64(i)))})
	}
	if len(s.kept) > maxTickets {
		t.Errorf("%d tickets are kept", len(s.kept))
	}
}

func TestKeytabPath(t *testing.T) {
	t.Setenv("KRB5_KTNAME", "")
	for name, want := range map[string]string{"": "/etc/krb5.keytab", "/x": "/x", "FILE:/x": "/x", "WRFILE:/x": "/x", "SRVTAB:/x": ""} {
		if got, err := KeytabPath(name); got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// Keys change without a restart.
func TestKeytab(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kt")
	www, _ := krb.ParsePrincipal("HTTP/www@A.TEST", "")
	write := func(password string, kvno uint32) krb.Key {
		e, fault := keytab.FromPassword(www, gss.NewSecret(password), "", kvno, krb.AES128SHA1)
		if !fault.IsZero() {
			t.Fatal(fault)
		}
		if err := WriteKeytab(path, keytab.New(e...)); err != nil {
			t.Fatal(err)
		}
		return e[0].Key
	}
	k := &Keytab{Path: path}
	need := kerberos.NeedServiceKey{Service: www, Type: krb.AES128SHA1}
	if k.Answer(t.Context(), need) != (gss.Unreachable{}) {
		t.Error("a file that does not exist")
	}
	old := write("old", 1)
	holds := func(keys ...krb.Key) bool {
		a := k.Answer(t.Context(), need).(kerberos.ServiceKeys)
		var got []krb.Key
		for e := range a.Keytab.All() {
			got = append(got, e.Key)
		}
		return slices.Equal(got, keys) && a == k.Answer(t.Context(), need) // and is not read twice
	}
	if !holds(old) {
		t.Error("another key")
	}
	time.Sleep(10 * time.Millisecond) // a file system may count coarsely
	changed := write("a new one", 2)
	os.Chtimes(path, time.Now(), time.Now().Add(time.Second))
	if !holds(changed) {
		t.Error("the old key")
	}
	other, _ := krb.ParsePrincipal("other@A.TEST", "")
	mine, _ := keytab.FromPassword(www, gss.NewSecret("mine"), "", 3, krb.AES128SHA1)
	theirs, _ := keytab.FromPassword(other, gss.NewSecret("theirs"), "", 5, krb.AES128SHA1)
	if err := WriteKeytab(path, keytab.New(append(theirs, mine...)...)); err != nil {
		t.Fatal(err)
	}
	if need.Kvno = 7; !holds(theirs[0].Key, mine[0].Key) {
		t.Error("another principal's keys or other versions are left out, and the acceptor chooses")
	}
	if k.Answer(t.Context(), gss.NeedCredential{Mech: gss.Kerberos}) != (gss.Declined{}) {
		t.Error("nobody is to log on with it")
	}
	k.Principal = www
	if a, ok := k.Answer(t.Context(), gss.NeedCredential{Mech: gss.Kerberos}).(kerberos.Keys); !ok || !a.Principal.Equal(www) || a.Keytab.Len() != 2 {
		t.Error("no keys")
	}
	os.WriteFile(path, []byte("garbage"), 0o600)
	if k.Answer(t.Context(), need) != (gss.Unreachable{}) {
		t.Error("a broken file")
	}
}

func TestReadConfig(t *testing.T) {
	dir := t.TempDir()
	main, more := filepath.Join(dir, "krb5.conf"), filepath.Join(dir, "krb5.conf.d")
	os.Mkdir(more, 0o700)
	os.WriteFile(filepath.Join(more, "realm.conf"), []byte("[realms]\nB.TEST = {\nkdc = b\n}\n"), 0o600)
	os.WriteFile(filepath.Join(more, "ignored.bak"), []byte("not a configuration"), 0o600)
	os.WriteFile(main, []byte("includedir "+more+"\n[libdefaults]\ndefault_realm = A.TEST\n"), 0o600)
	t.Setenv("KRB5_CONFIG", main+string(os.PathListSeparator)+filepath.Join(dir, "none"))
	for _, name := range []string{"", main} {
		c, err := ReadConfig(name)
		if err != nil || c.DefaultRealm() != "A.TEST" || len(c.KDCs("B.TEST")) != 1 {
			t.Errorf("%v, %v", c, err)
		}
	}
	if _, err := ReadConfig(filepath.Join(dir, "none")); err == nil {
		t.Error("a file that does not exist")
	}
	os.WriteFile(main, []byte("include "+main), 0o600)
	if _, err := ReadConfig(""); err == nil {
		t.Error("a file that includes itself")
	}
}
