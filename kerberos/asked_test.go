package kerberos_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/kerberos/message"
	"github.com/countersign-auth/countersign/kerberos"
	"github.com/countersign-auth/countersign/kerberos/ccache"
	"github.com/countersign-auth/countersign/kerberos/krb"
)

// ready is an initiator that has sent its AP-REQ, and the AP-REP to it.
func ready(t *testing.T) (*world, gss.Context, gss.Token) {
	t.Helper()
	w := newWorld(t, "www.a.test")
	c, out := w.drive(mech(t, w.client).Initiate(w.target), 0, gss.Input{})
	if out.State != gss.Ready {
		t.Fatal(out.Fault)
	}
	_, out = w.drive(mech(t, w.server).Accept(w.acceptor), 0, gss.Input{Token: out.Token})
	if out.State != gss.Complete {
		t.Fatal(out.Fault)
	}
	return w, c, out.Token
}

// RFC 4121 section 4.1: an AP-REP has the framing of Kerberos, under either of its OIDs. One without any answers a request
// that had none.
func TestFramingsOfTheAnswer(t *testing.T) {
	w, c, answer := ready(t)
	_, _, rep, ok := message.Unframe(answer.Bytes())
	if !ok {
		t.Fatal("the answer has no framing")
	}
	refusal := message.Error{Code: message.ErrSkew, Service: principal("HTTP/www.a.test@A.TEST")}.Append(nil)
	for name, row := range map[string]struct {
		token string
		want  gss.Code
	}{
		"Kerberos":                 {message.Frame(gss.Kerberos, message.TokenAPRep, []byte(rep)), gss.NoFault},
		"Microsoft's OID":          {message.Frame(gss.MSKerberos, message.TokenAPRep, []byte(rep)), gss.NoFault},
		"none":                     {rep, gss.NoFault},
		"another mechanism":        {message.Frame(gss.NTLM, message.TokenAPRep, []byte(rep)), gss.Unexpected},
		"user to user":             {message.Frame(gss.KerberosU2U, message.TokenAPRep, []byte(rep)), gss.Unexpected},
		"another TOK_ID":           {message.Frame(gss.Kerberos, message.TokenAPReq, []byte(rep)), gss.Unexpected},
		"that of an error":         {message.Frame(gss.Kerberos, message.TokenError, []byte(rep)), gss.Malformed},
		"an error":                 {message.Frame(gss.Kerberos, message.TokenError, refusal), gss.ClockSkew},
		"an error, Microsoft's":    {message.Frame(gss.MSKerberos, message.TokenError, refusal), gss.ClockSkew},
		"an error without framing": {string(refusal), gss.ClockSkew},
		"an error as an AP-REP":    {message.Frame(gss.Kerberos, message.TokenAPRep, refusal), gss.Malformed},
	} {
		next, out := w.drive(c, 0, gss.Input{Token: gss.TokenOf(row.token)})
		if out.Fault.Code != row.want || (out.State == gss.Complete) != (row.want == gss.NoFault) {
			t.Errorf("%s: %v %v, want %v", name, out.State, out.Fault, row.want)
		}
		if _, ok := next.Session(); ok != (row.want == gss.NoFault) {
			t.Errorf("%s: a session: %t", name, ok)
		}
	}
}

// What a KRB-ERROR says is told to the user: the clock, the ticket's time, a replay, or, whichever of the codes of a wrong key it
// is, that the service lacks the key (RFC 4120 section 3.2.3).
func TestErrorsOfTheService(t *testing.T) {
	w, c, _ := ready(t)
	const key = "its keytab lacks the key"
	for code, row := range map[message.ErrorCode]struct {
		want gss.Code
		why  string
	}{
		message.ErrSkew: {gss.ClockSkew, "clock"}, message.ErrRepeat: {gss.Replayed, "replay"},
		message.ErrTicketExpired: {gss.Expired, "not valid"}, message.ErrTicketNotYet: {gss.Expired, "not valid"},
		message.ErrModified: {gss.Refused, key}, message.ErrNoKey: {gss.Refused, key}, message.ErrBadKeyVersion: {gss.Refused, key}, message.ErrNotUs: {gss.Refused, key},
		message.ErrBadIntegrity: {gss.Refused, "refused the ticket"}, message.ErrGeneric: {gss.Refused, "refused the ticket"}, 9999: {gss.Refused, "refused the ticket"},
	} {
		token := message.Frame(gss.Kerberos, message.TokenError, message.Error{Code: code, Service: principal("HTTP/www.a.test@A.TEST")}.Append(nil))
		_, out := w.drive(c, 0, gss.Input{Token: gss.TokenOf(token)})
		if out.Fault.Code != row.want || !strings.Contains(out.Fault.Detail, row.why) || !strings.Contains(out.Fault.Detail, code.String()) {
			t.Errorf("%v: %v, want %v with %q", code, out.Fault, row.want, row.why)
		}
		if strings.Contains(out.Fault.Detail, key) != (row.why == key) {
			t.Errorf("%v: %v", code, out.Fault)
		}
	}
}

// What only the caller can do wrong is an error, and changes nothing, in every state of both sides: an answer where nothing
// was asked, a token or nothing where something was, and both at once.
func TestMisuse(t *testing.T) {
	w := newWorld(t, "www.a.test")
	w.store, w.client.Delegate, w.target.Want = map[string]ccache.Credential{}, kerberos.DelegateAlways, gss.Delegate
	w.server.Keys = nil // so that it asks for them
	seen := map[string]bool{}
	look := func(c gss.Context, asks gss.Question, right gss.Input) {
		t.Helper()
		seen[fmt.Sprintf("%T, asking %T", c, asks)] = true
		token := gss.TokenOf("token")
		wrong := []gss.Input{{Token: token, Answer: foreign{}}, {Token: token, Answer: right.Answer}}
		if right.Token.Present() {
			wrong = append(wrong, gss.Input{Token: right.Token, Answer: gss.Declined{}})
		}
		if asks != nil {
			wrong = append(wrong, gss.Input{}, gss.Input{Token: token}, gss.Input{Answer: foreign{}})
		} else {
			wrong = append(wrong, gss.Input{Answer: gss.Declined{}}, gss.Input{Answer: foreign{}})
		}
		for _, in := range wrong {
			if in.Answer == nil && asks == nil { // a state that waits for a token, and has no answer that would be right
				continue
			}
			next, out, err := c.Step(w.env(0), in)
			if _, misuse := err.(gss.Misuse); !misuse || next != c || out != (gss.Output{}) {
				t.Errorf("%T, asking %T: %+v is taken: %v, %v", c, asks, in, out.State, err)
			}
		}
	}
	run := func(c gss.Context, in gss.Input) (gss.Context, gss.Output) {
		t.Helper()
		look(c, nil, in)
		for {
			next, out, err := c.Step(w.env(0), in)
			if err != nil {
				t.Fatal(err)
			}
			if out.State != gss.Waiting {
				look(next, nil, gss.Input{})
				return next, out
			}
			in = gss.Input{Answer: w.answer(out.Ask)}
			if _, ok := out.Ask.(kerberos.NeedServiceKey); ok {
				in.Answer = kerberos.ServiceKeys{Keytab: w.kdc.Keytab("HTTP/www.a.test@A.TEST")}
			}
			look(next, out.Ask, in)
			c = next
		}
	}
	client, out := run(mech(t, w.client).Initiate(w.target), gss.Input{})
	server, out := run(mech(t, w.server).Accept(w.acceptor), gss.Input{Token: out.Token})
	client, out = run(client, gss.Input{Token: out.Token})
	if out.State != gss.Complete {
		t.Fatal(out.Fault)
	}
	run(client, gss.Input{Token: gss.TokenOf("more")}) // which fails
	run(server, gss.Input{Token: gss.TokenOf("more")})
	for _, state := range []string{
		"initiator, asking <nil>", "wantCredential, asking gss.NeedCredential", "acquiring, asking kerberos.NeedTicket", "acquiring, asking gss.NeedExchange",
		"acquiring, asking kerberos.KeepTicket", "wantAPRep, asking <nil>", "established, asking <nil>", "failed, asking <nil>",
		"acceptor, asking <nil>", "wantServiceKey, asking kerberos.NeedServiceKey", "wantReplayCheck, asking gss.NeedReplayCheck",
	} {
		if !seen["kerberos."+state] {
			t.Errorf("%s was not reached: %v", state, seen)
		}
	}
}

// Nothing is asked for a target that has no ticket, nor for a user that has no name: it fails at once (RFC 4120 section
// 3.1.1).
func TestNothingIsAskedInVain(t *testing.T) {
	for _, change := range []func(*gss.Target){func(at *gss.Target) { at.Host = "" }, func(at *gss.Target) { at.Service = "" }, func(at *gss.Target) { at.Host, at.Service = "", "" }} {
		w := newWorld(t, "www.a.test")
		change(&w.target)
		if _, out := w.drive(mech(t, w.client).Initiate(w.target), 0, gss.Input{}); out.Fault.Code != gss.WrongTarget || len(w.asked) > 0 {
			t.Errorf("service %q, host %q: %v, asked %v", w.target.Service, w.target.Host, out.Fault, w.asked)
		}
	}
	keys := newWorld(t, "www.a.test").kdc.Keytab("alice@A.TEST")
	for _, login := range []gss.Answer{
		kerberos.Keys{Principal: krb.Principal{Realm: "A.TEST"}, Keytab: keys}, kerberos.Keys{Principal: krb.Principal{Name: principal("alice@A.TEST").Name}, Keytab: keys}, kerberos.Keys{Keytab: keys},
		kerberos.Tickets{Cache: ccache.New(krb.Principal{Realm: "A.TEST"})}, kerberos.Tickets{}, gss.Password{Domain: "A.TEST", Password: gss.NewSecret(password)},
	} {
		w := newWorld(t, "www.a.test")
		w.login = login
		_, out := w.drive(mech(t, w.client).Initiate(w.target), 0, gss.Input{})
		if asked := strings.Join(w.asked, " "); out.Fault.Code != gss.NoCredentials || asked != "NeedCredential" {
			t.Errorf("%T: %v, asked %s", login, out.Fault, asked)
		}
	}
}

// What is to be delegated is got also where the service's ticket is in the store already, and is stored no second time.
func TestDelegationWithAStoredTicket(t *testing.T) {
	w := newWorld(t, "www.a.test")
	w.store, w.client.Delegate, w.target.Want = map[string]ccache.Credential{}, kerberos.DelegateAlways, gss.Delegate
	w.ok()
	kept := len(w.store)
	for _, lost := range []string{"", "krbtgt/A.TEST@A.TEST"} { // the ticket-granting ticket is in the store, or is got anew
		delete(w.store, lost)
		w.asked = nil
		_, server := w.ok()
		if d, ok := server.Info().Delegated.(kerberos.Delegated); !ok || !d.Credential.Flags.Has(krb.Forwarded) || d.Credential.Client.String() != "alice@A.TEST" {
			t.Errorf("without %q in the store: delegated %v; asked %v", lost, server.Info().Delegated, w.asked)
		}
		if len(w.store) != kept {
			t.Errorf("without %q in the store: %d tickets are in it, want %d", lost, len(w.store), kept)
		}
	}
}

// Contexts say in which state they are, for logs: every one of them.
func TestContextsPrintTheirState(t *testing.T) {
	w := newWorld(t, "www.a.test")
	w.store, w.server.Keys = map[string]ccache.Credential{}, nil
	var texts []string
	run := func(c gss.Context, in gss.Input) (gss.Context, gss.Output) {
		for {
			texts = append(texts, fmt.Sprint(c))
			next, out, err := c.Step(w.env(0), in)
			if err != nil {
				t.Fatal(err)
			}
			if c = next; out.State != gss.Waiting {
				texts = append(texts, fmt.Sprint(c))
				return c, out
			}
			in = gss.Input{Answer: w.answer(out.Ask)}
			if _, ok := out.Ask.(kerberos.NeedServiceKey); ok {
				in.Answer = kerberos.ServiceKeys{Keytab: w.kdc.Keytab("HTTP/www.a.test@A.TEST")}
			}
		}
	}
	client, out := run(mech(t, w.client).Initiate(w.target), gss.Input{})
	server, out := run(mech(t, w.server).Accept(w.acceptor), gss.Input{Token: out.Token})
	run(client, gss.Input{Token: out.Token})
	_, out = run(server, gss.Input{Token: out.Token})
	for _, want := range []string{
		"kerberos initiator(start)", "kerberos initiator(waiting for credentials)", `kerberos initiator(getting a ticket for "HTTP/www.a.test")`,
		`kerberos initiator(waiting for "HTTP/www.a.test@A.TEST" to prove itself)`, "kerberos acceptor(start)", "kerberos acceptor(waiting for a service key)",
		"kerberos acceptor(waiting for the replay check)", `kerberos context(established with "alice@A.TEST"`, `kerberos context(established with "HTTP/www.a.test@A.TEST"`,
		"kerberos context(" + fmt.Sprint(out.Fault) + ")",
	} {
		if !slices.ContainsFunc(texts, func(text string) bool { return strings.HasPrefix(text, want) }) {
			t.Errorf("no context prints %q; they print\n%s", want, strings.Join(texts, "\n"))
		}
	}
}

// A store that cannot be asked, or has no ticket, costs the exchange nothing: the KDC is asked. One that is none is asked no
// more.
func TestStoreThatHasNothing(t *testing.T) {
	for _, need := range []gss.Answer{gss.Unknown{}, gss.Unreachable{}, gss.Declined{}} {
		for _, keep := range []gss.Answer{kerberos.Kept{}, gss.Unreachable{}, gss.Declined{}} {
			w := newWorld(t, "www.a.test")
			var asked []string
			c, in := mech(t, w.client).Initiate(w.target), gss.Input{}
			for range 20 {
				next, out, err := c.Step(w.env(0), in)
				if err != nil {
					t.Fatalf("NeedTicket answered by %T, KeepTicket by %T: %v", need, keep, err)
				}
				if c = next; out.State != gss.Waiting {
					if out.State != gss.Ready {
						t.Errorf("NeedTicket answered by %T, KeepTicket by %T: %v", need, keep, out.Fault)
					}
					break
				}
				switch out.Ask.(type) {
				case kerberos.NeedTicket:
					asked, in = append(asked, "need"), gss.Input{Answer: need}
				case kerberos.KeepTicket:
					asked, in = append(asked, "keep"), gss.Input{Answer: keep}
				default:
					in = gss.Input{Answer: w.answer(out.Ask)}
				}
			}
			want := "need need keep keep"
			if need == (gss.Declined{}) {
				want = "need"
			}
			if got := strings.Join(asked, " "); got != want {
				t.Errorf("NeedTicket answered by %T, KeepTicket by %T: asked %q, want %q", need, keep, got, want)
			}
		}
	}
}

// hosts is a Realms.
type hosts map[string]string

func (h *hosts) RealmOf(host string) string { return (*h)[host] }

// Config.Realms says in which realm a service is: its ticket is asked for there, one of another realm is not taken, and
// where it says nothing the client's KDC is asked.
func TestRealmsOfServices(t *testing.T) {
	known := &hosts{"www.b.test": "B.TEST"}
	for _, host := range []string{"www.a.test", "www.b.test"} {
		w := newWorld(t, host)
		w.store, w.client.Realms = map[string]ccache.Credential{}, known
		w.ok()
		kept := w.store["HTTP/"+host+"@"+strings.ToUpper(host[4:])]
		if kept.IsZero() {
			t.Fatalf("no ticket for %s among %d", host, len(w.store))
		}
		c, need := w.toStore(false)
		if want := krb.NameOf(krb.NameServiceHost, "HTTP", host); need.Server != (krb.Principal{Name: want, Realm: (*known)[host]}) {
			t.Errorf("%s: a ticket for %v is asked for", host, need.Server)
		}
		for _, realm := range []string{kept.Server.Realm, "C.TEST"} {
			ticket := kept
			ticket.Server.Realm = realm
			_, _, err := c.Step(w.env(0), gss.Input{Answer: kerberos.Ticket{Credential: ticket}})
			if want := host == "www.b.test" && realm == "C.TEST"; (err != nil) != want {
				t.Errorf("%s: a ticket of %s: %v", host, realm, err)
			}
		}
	}
}

// MS-KILE section 2.2.3: a client says whether it wants a PAC in its ticket where it is configured to, and nothing else.
func TestPACRequest(t *testing.T) {
	for request, want := range map[kerberos.PACRequest]string{kerberos.PACDefault: "", kerberos.PACInclude: "true", kerberos.PACExclude: "false"} {
		w := newWorld(t, "www.a.test")
		w.client.PAC = request
		said, asked := "", 0
		c, in := mech(t, w.client).Initiate(w.target), gss.Input{}
		for range 20 {
			next, out, err := c.Step(w.env(0), in)
			if err != nil {
				t.Fatal(err)
			}
			if c = next; out.State != gss.Waiting {
				break
			}
			if q, ok := out.Ask.(gss.NeedExchange); ok {
				req, fault := message.ParseKDCReq(q.Request)
				if !fault.IsZero() {
					t.Fatal(fault)
				}
				if data, ok := req.PAData.Find(message.PAPACRequest); ok {
					include, fault := message.ParsePACRequest(data)
					if !fault.IsZero() {
						t.Fatal(fault)
					}
					said = fmt.Sprint(include)
				}
				asked++
			}
			in = gss.Input{Answer: w.answer(out.Ask)}
		}
		if said != want || asked == 0 {
			t.Errorf("PAC %d: include-pac is %q in %d requests, want %q", request, said, asked, want)
		}
	}
}
