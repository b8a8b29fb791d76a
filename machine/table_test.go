package machine

//go:generate go test -run TestMachinesPage -update

// Transition is one row of the machines' transition table. Conditions are left
// out: where a state and an event have several rows, the configuration, the
// contexts and the fields decide which. Its words are the names of states, of
// events (with the status of a response) and of actions, and are explained in
// docs/machines.md, which is drawn from the table.
type Transition struct {
	// Machine is "client", "server" or "proxy"; "side" for each of the two
	// authentications of a client; "pin" for what a proxy does about upstream
	// connections.
	Machine string
	From    string
	Event   string
	Actions string // in their order, with commas between; "" for none
	To      string
}

// String returns the row on a line.
func (t Transition) String() string {
	s := t.Machine + ": " + t.From + ", " + t.Event + " -> "
	if t.Actions != "" {
		s += t.Actions + ", "
	}
	return s + t.To
}

// Transitions returns the table of what the machines do, state by state. The worlds of
// package model are explored against it in both directions: every step that a machine
// takes in one of them is declared, and every one that is declared is taken, some in the
// worlds of full size alone. A step of a
// side or a pin that leaves it unchanged, without an action, has no row.
func Transitions() []Transition {
	var all []Transition
	for _, c := range charts {
		for _, r := range c.rules {
			for _, o := range r.outcomes {
				all = append(all, Transition{c.machine, r.from, r.event, o.actions, o.to})
			}
		}
	}
	return all
}

// chart is the declared behaviour of one machine.
type chart struct {
	machine string
	title   string
	says    string
	states  []named // the first one first
	events  []named
	actions []named
	// rest is the state that most others lead to when something ends; what leads
	// there is not drawn.
	rest  string
	rules []rule
}

// named is a word of a chart, and what it means.
type named struct{ name, says string }

// rule is what may come of an event in a state.
type rule struct {
	from, event string
	outcomes    []outcome
}

type outcome struct{ actions, to string }

var charts = []chart{
	{
		machine: "client", title: "Client",
		says: "A client has one connection and one exchange at a time. Both sides together determine the actions.",
		states: []named{
			{"idle", "between two exchanges"},
			{"asking", "a side waits for the answer to its question, before a request"},
			{"sent", "the request was sent"},
			{"judging", "a side waits for the answer to its question before the response is delivered"},
			{"dead", "the connection cannot be used any more"},
		},
		events: []named{
			{"Begin", "the application sends a request"},
			{"Answered", "the answer to the Ask"},
			{"1xx", "a Response that is not final"},
			{"401", "the Response is the origin's challenge; to a CONNECT it is a response like any other"},
			{"407", "the Response is the proxy's challenge"},
			{"other status", "any other Response"},
			{"Closed", "the connection is closed"},
		},
		actions: []named{
			{"Send bare", "Send without credentials for either side"},
			{"Send credentials", "Send with credentials for a side, or for both"},
			{"Deliver", "deliver the response to the application"},
			{"Ask", "a question to the driver"},
			{"Reopen", "continue on another connection"},
			{"Fail", "the exchange ends without a usable response"},
			{"Retire", "do not use the connection again"},
		},
		rest: "dead",
		rules: []rule{
			{"idle", "Begin", []outcome{{"Send bare", "sent"}, {"Send credentials", "sent"}, {"Ask", "asking"}, {"Reopen", "dead"}, {"Fail", "idle"}}},
			{"idle", "Closed", []outcome{{"", "dead"}}},
			{"asking", "Answered", []outcome{{"Send bare", "sent"}, {"Send credentials", "sent"}, {"Ask", "asking"}, {"Reopen", "dead"}, {"Fail", "idle"}, {"Fail, Retire", "dead"}}},
			{"asking", "Closed", []outcome{{"Reopen", "dead"}, {"Fail", "dead"}, {"Fail, Retire", "dead"}}},
			{"sent", "1xx", []outcome{{"", "sent"}}},
			{"sent", "401", []outcome{{"Send bare", "sent"}, {"Send credentials", "sent"}, {"Deliver", "idle"}, {"Deliver, Retire", "dead"}, {"Ask", "asking"}, {"Ask", "judging"}, {"Reopen", "dead"}, {"Fail", "idle"}, {"Fail, Retire", "dead"}}},
			{"sent", "407", []outcome{{"Send credentials", "sent"}, {"Ask", "asking"}, {"Reopen", "dead"}, {"Fail", "idle"}, {"Fail, Retire", "dead"}}},
			{"sent", "other status", []outcome{{"Send bare", "sent"}, {"Send credentials", "sent"}, {"Deliver", "idle"}, {"Deliver, Retire", "dead"}, {"Ask", "asking"}, {"Ask", "judging"}, {"Fail", "idle"}, {"Fail, Retire", "dead"}, {"Reopen", "dead"}}},
			{"sent", "Closed", []outcome{{"Send credentials", "sent"}, {"Ask", "asking"}, {"Reopen", "dead"}, {"Fail", "dead"}, {"Fail, Retire", "dead"}}},
			{"judging", "Answered", []outcome{{"Send credentials", "sent"}, {"Deliver", "idle"}, {"Deliver, Retire", "dead"}, {"Ask", "asking"}, {"Ask", "judging"}, {"Reopen", "dead"}, {"Fail", "idle"}, {"Fail, Retire", "dead"}}},
			{"judging", "Closed", []outcome{{"", "judging"}}},
			{"dead", "Closed", []outcome{{"", "dead"}}},
		},
	},
	{
		machine: "side", title: "A side of a client",
		says: "A client has two sides, one for the origin and one for the proxy, and both are this machine. The states bound and persistent are what the connection keeps for a side between exchanges.",
		states: []named{
			{"unused", "no authentication is in progress, and the connection keeps nothing for this side"},
			{"starting", "a scheme is selected, and has sent no credentials yet"},
			{"halfway", "credentials were sent, and their result is not known yet"},
			{"done", "the response passed this side, and the exchange continues for the other one or for the body"},
			{"bound", "the peer has, or may have, an identity for this connection, which is then used for no other one; each request still needs its proof"},
			{"persistent", "the connection is authenticated (MS-N2HT's persistent-auth-value): requests need no credentials"},
		},
		events: []named{
			{"Begin", "an exchange begins that involves this side"},
			{"Answered", "the answer to a question of either side, before a request"},
			{"challenged", "the response has this side's challenge status"},
			{"passed", "the response is no challenge of this side, and comes from this side's peer or from behind it"},
			{"not reached", "the response is the other side's challenge, and the request did not reach this side's peer"},
			{"Closed", "the connection is closed"},
		},
		actions: []named{
			{"credentials", "Send with credentials of this side"},
			{"bare", "Send without"},
			{"Ask", "a question of this side"},
			{"end", "Deliver, Fail or Reopen: the exchange ends on this connection"},
		},
		rest: "unused",
		rules: []rule{
			{"unused", "Begin", []outcome{{"credentials", "halfway"}, {"Ask", "starting"}, {"", "starting"}}},
			{"unused", "challenged", []outcome{{"credentials", "halfway"}, {"Ask", "starting"}, {"", "starting"}}},
			{"starting", "Answered", []outcome{{"credentials", "halfway"}, {"bare", "unused"}, {"bare", "bound"}, {"Ask", "starting"}, {"end", "unused"}, {"end", "bound"}, {"", "unused"}, {"", "bound"}}},
			{"starting", "Closed", []outcome{{"end", "unused"}}},
			{"halfway", "Answered", []outcome{{"credentials", "halfway"}, {"Ask", "starting"}, {"end", "unused"}, {"end", "bound"}}},
			{"halfway", "challenged", []outcome{{"credentials", "halfway"}, {"Ask", "starting"}, {"end", "unused"}, {"end", "bound"}, {"", "starting"}}},
			{"halfway", "passed", []outcome{{"credentials", "halfway"}, {"bare", "unused"}, {"bare", "done"}, {"bare", "bound"}, {"Ask", "starting"}, {"Ask", "halfway"}, {"end", "unused"}, {"end", "bound"}, {"end", "persistent"}, {"", "unused"}, {"", "starting"}, {"", "done"}, {"", "bound"}}},
			{"halfway", "not reached", []outcome{{"credentials", "halfway"}, {"end", "unused"}, {"end", "bound"}}},
			{"halfway", "Closed", []outcome{{"credentials", "halfway"}, {"Ask", "starting"}, {"end", "unused"}, {"", "starting"}}},
			{"done", "Answered", []outcome{{"bare", "done"}, {"end", "unused"}, {"end", "persistent"}}},
			{"done", "challenged", []outcome{{"Ask", "starting"}, {"end", "unused"}, {"end", "bound"}}},
			{"done", "passed", []outcome{{"bare", "done"}, {"Ask", "starting"}, {"end", "unused"}, {"end", "persistent"}, {"", "unused"}}},
			{"done", "not reached", []outcome{{"end", "unused"}, {"end", "persistent"}}},
			{"done", "Closed", []outcome{{"end", "unused"}}},
			{"bound", "Begin", []outcome{{"credentials", "halfway"}, {"bare", "bound"}, {"Ask", "starting"}, {"end", "unused"}, {"", "starting"}}},
			{"bound", "Answered", []outcome{{"bare", "bound"}, {"end", "unused"}, {"end", "bound"}}},
			{"bound", "challenged", []outcome{{"credentials", "halfway"}, {"Ask", "starting"}, {"end", "unused"}, {"end", "bound"}, {"", "starting"}}},
			{"bound", "passed", []outcome{{"bare", "unused"}, {"bare", "bound"}, {"end", "unused"}, {"end", "bound"}, {"", "unused"}}},
			{"bound", "not reached", []outcome{{"bare", "unused"}, {"bare", "bound"}, {"end", "unused"}, {"end", "bound"}, {"", "unused"}}},
			{"bound", "Closed", []outcome{{"end", "unused"}, {"", "unused"}}},
			{"persistent", "Begin", []outcome{{"bare", "persistent"}, {"end", "unused"}}},
			{"persistent", "Answered", []outcome{{"bare", "persistent"}, {"end", "unused"}, {"end", "persistent"}}},
			{"persistent", "challenged", []outcome{{"credentials", "halfway"}, {"Ask", "starting"}, {"end", "unused"}, {"end", "bound"}, {"", "starting"}}},
			{"persistent", "passed", []outcome{{"bare", "persistent"}, {"end", "unused"}, {"end", "persistent"}, {"", "unused"}}},
			{"persistent", "not reached", []outcome{{"bare", "persistent"}, {"bare", "unused"}, {"end", "unused"}, {"end", "persistent"}, {"", "unused"}}},
			{"persistent", "Closed", []outcome{{"end", "unused"}, {"", "unused"}}},
		},
	},
	{
		machine: "server", title: "Server",
		says: "A server has one connection and one request at a time. The same machine authenticates a proxy's clients, with 407 in place of 401. " +
			"Not in the table is a request with a session and without credentials: in *idle* and *kept* it leads to Accept and *handling*, and in *halfway* it is one without credentials.",
		states: []named{
			{"idle", "between two requests; the connection has no identity"},
			{"asking", "an acceptor waits for the answer to its question"},
			{"halfway", "between two legs of a handshake"},
			{"handling", "the handler runs; the identity is for this request only"},
			{"concluding", "the acceptor waits for an answer before its final fields"},
			{"kept", "between two requests; the connection has an identity"},
			{"handling, kept", "the handler runs; the connection keeps this identity"},
			{"dead", "the connection is closed"},
		},
		events: []named{
			{"Received bare", "a request without credentials"},
			{"Received with credentials", "a request with credentials of any kind"},
			{"Received too early", "a request in early data, which may be a replay, with credentials, with a method that is not safe, or on a connection that carries an identity"},
			{"Answered", "the answer to the Ask"},
			{"Responding", "the handler's response is about to be sent"},
			{"Responding 401", "the same, if the handler requires (other) credentials"},
			{"Closed", "the connection is closed"},
		},
		actions: []named{
			{"Accept", "run the handler"},
			{"Accept anonymous", "run it for an anonymous client"},
			{"Finish", "send the response, with added fields"},
			{"Ask", "a question to the driver"},
			{"Reply 401", "challenge: the first one, another one, or that of the next leg"},
			{"Reply 400", "the credentials are for another resource"},
			{"Reply 425", "the client has to repeat the request after the TLS handshake; nothing of it is kept"},
			{"Reply 500", "a challenge for which no scheme has an offer"},
			{"Reply 503", "no client can be verified now"},
		},
		rest: "dead",
		rules: []rule{
			{"idle", "Received bare", []outcome{{"Accept anonymous", "handling"}, {"Reply 401", "idle"}, {"Reply 500", "idle"}, {"Reply 503", "idle"}}},
			{"idle", "Received with credentials", []outcome{{"Accept", "handling"}, {"Accept", "handling, kept"}, {"Accept anonymous", "handling"}, {"Ask", "asking"}, {"Reply 401", "idle"}, {"Reply 401", "halfway"}, {"Reply 400", "idle"}, {"Reply 500", "idle"}, {"Reply 503", "idle"}}},
			{"idle", "Received too early", []outcome{{"Reply 425", "idle"}}},
			{"idle", "Closed", []outcome{{"", "dead"}}},
			{"asking", "Answered", []outcome{{"Accept", "handling"}, {"Accept", "handling, kept"}, {"Accept anonymous", "handling"}, {"Ask", "asking"}, {"Reply 401", "idle"}, {"Reply 401", "halfway"}, {"Reply 400", "idle"}, {"Reply 503", "idle"}}},
			{"asking", "Closed", []outcome{{"", "dead"}}},
			{"halfway", "Received bare", []outcome{{"Reply 401", "idle"}, {"Reply 503", "idle"}}},
			{"halfway", "Received with credentials", []outcome{{"Accept", "handling"}, {"Accept", "handling, kept"}, {"Ask", "asking"}, {"Reply 401", "idle"}, {"Reply 401", "halfway"}, {"Reply 400", "idle"}, {"Reply 503", "idle"}}},
			{"halfway", "Received too early", []outcome{{"Reply 425", "halfway"}}},
			{"halfway", "Closed", []outcome{{"", "dead"}}},
			{"handling", "Responding", []outcome{{"Finish", "idle"}, {"Ask", "concluding"}}},
			{"handling", "Responding 401", []outcome{{"Finish", "idle"}}},
			{"handling", "Closed", []outcome{{"", "dead"}}},
			{"concluding", "Answered", []outcome{{"Finish", "idle"}}},
			{"concluding", "Closed", []outcome{{"", "dead"}}},
			{"kept", "Received bare", []outcome{{"Accept", "handling, kept"}, {"Accept anonymous", "handling"}, {"Reply 401", "idle"}}},
			{"kept", "Received with credentials", []outcome{{"Accept", "handling, kept"}, {"Ask", "asking"}, {"Reply 401", "idle"}, {"Reply 401", "halfway"}, {"Reply 400", "idle"}}},
			{"kept", "Received too early", []outcome{{"Reply 425", "kept"}}},
			{"kept", "Closed", []outcome{{"", "dead"}}},
			{"handling, kept", "Responding", []outcome{{"Finish", "kept"}}},
			{"handling, kept", "Responding 401", []outcome{{"Finish", "idle"}}},
			{"handling, kept", "Closed", []outcome{{"", "dead"}}},
			{"dead", "Closed", []outcome{{"", "dead"}}},
		},
	},
	{
		machine: "proxy", title: "Proxy",
		says: "A proxy has one client connection and one request at a time. These are its states towards the client; a proxy without authentication never asks, and never sends 407.",
		states: []named{
			{"idle", "between two requests"},
			{"asking", "the front waits for the answer to its question"},
			{"halfway", "between two legs of a client's handshake with this proxy"},
			{"sent", "the request was sent upstream"},
			{"concluding", "the front waits for an answer before the response is relayed"},
			{"dead", "the connection is closed, or has to be closed"},
		},
		events: []named{
			{"Received", "a request of the client"},
			{"Received too early", "a request in early data, which may be a replay and must not be forwarded"},
			{"Answered", "the answer to the Ask"},
			{"1xx", "a Response from upstream that is not final"},
			{"401", "the Response is the origin's challenge"},
			{"407", "the Response is a challenge of another proxy"},
			{"other status", "any other Response"},
			{"Closed downstream", "the client's connection is closed"},
			{"Closed upstream", "the upstream connection is closed"},
		},
		actions: []named{
			{"Forward", "forward the request"},
			{"Relay", "relay the response"},
			{"Ask", "a question to the driver"},
			{"Reply 407", "challenge the client"},
			{"Reply 400", "its credentials are for another resource"},
			{"Reply 425", "the client has to repeat the request after the TLS handshake; nothing of it is kept"},
			{"Reply 403", "connection-bound credentials for which no connection can be pinned"},
			{"Reply 500", "a challenge for which no scheme has an offer"},
			{"Reply 502", "the upstream requires proxy authentication, or closed"},
			{"Reply 503", "no client can be verified now"},
			{"Retire", "do not use the client's connection again"},
		},
		rest: "dead",
		rules: []rule{
			{"idle", "Received", []outcome{{"Forward", "sent"}, {"Ask", "asking"}, {"Reply 407", "idle"}, {"Reply 407", "halfway"}, {"Reply 400", "idle"}, {"Reply 403", "idle"}, {"Reply 500", "idle"}, {"Reply 503", "idle"}}},
			{"idle", "Received too early", []outcome{{"Reply 425", "idle"}}},
			{"idle", "Closed downstream", []outcome{{"", "dead"}}},
			{"idle", "Closed upstream", []outcome{{"", "idle"}, {"Retire", "dead"}}},
			{"asking", "Answered", []outcome{{"Forward", "sent"}, {"Ask", "asking"}, {"Reply 407", "idle"}, {"Reply 407", "halfway"}, {"Reply 400", "idle"}, {"Reply 403", "idle"}, {"Reply 503", "idle"}}},
			{"asking", "Closed downstream", []outcome{{"", "dead"}}},
			{"asking", "Closed upstream", []outcome{{"Reply 502, Retire", "dead"}, {"", "asking"}}},
			{"halfway", "Received", []outcome{{"Forward", "sent"}, {"Ask", "asking"}, {"Reply 407", "idle"}, {"Reply 407", "halfway"}, {"Reply 400", "idle"}, {"Reply 403", "idle"}, {"Reply 503", "idle"}}},
			{"halfway", "Received too early", []outcome{{"Reply 425", "halfway"}}},
			{"halfway", "Closed downstream", []outcome{{"", "dead"}}},
			{"halfway", "Closed upstream", []outcome{{"", "halfway"}, {"Retire", "dead"}}},
			{"sent", "1xx", []outcome{{"", "sent"}}},
			{"sent", "401", []outcome{{"Relay", "idle"}, {"Relay, Retire", "dead"}, {"Ask", "concluding"}}},
			{"sent", "407", []outcome{{"Relay", "idle"}, {"Relay, Retire", "dead"}, {"Reply 502", "idle"}, {"Reply 502, Retire", "dead"}}},
			{"sent", "other status", []outcome{{"Relay", "idle"}, {"Relay, Retire", "dead"}, {"Ask", "concluding"}}},
			{"sent", "Closed downstream", []outcome{{"", "dead"}}},
			{"sent", "Closed upstream", []outcome{{"Reply 502", "idle"}, {"Reply 502, Retire", "dead"}}},
			{"concluding", "Answered", []outcome{{"Relay", "idle"}, {"Relay, Retire", "dead"}}},
			{"concluding", "Closed downstream", []outcome{{"", "dead"}}},
			{"concluding", "Closed upstream", []outcome{{"", "concluding"}}},
			{"dead", "Closed downstream", []outcome{{"", "dead"}}},
			{"dead", "Closed upstream", []outcome{{"", "dead"}}},
		},
	},
	{
		machine: "pin", title: "A proxy's upstream connections",
		says: "The same proxy towards upstream: whether an upstream connection is pinned to this client. Events and actions are those of the proxy.",
		states: []named{
			{"shared", "requests may use any connection"},
			{"reserved", "the next request to this origin gets a connection of its own; the connection on which the proxy learned this has closed"},
			{"pinned", "one connection is pinned to this client"},
		},
		events: []named{
			{"Received", "a request of the client"},
			{"Answered", "the answer to the front's Ask"},
			{"401", "the Response is the origin's challenge"},
			{"407", "the Response is a challenge of another proxy"},
			{"other status", "any other Response"},
			{"Closed downstream", "the client's connection is closed"},
			{"Closed upstream", "the upstream connection is closed"},
		},
		actions: []named{
			{"Forward shared", "send the request on any connection"},
			{"Forward fresh", "send it on a new one, which is pinned to this client"},
			{"Forward same", "send it on the pinned one"},
			{"Forward tunnel", "CONNECT: the proxy does not see what is sent inside the tunnel"},
			{"Relay and keep", "relay the response, and pin its connection to this client"},
			{"Retire upstream", "do not use the pinned connection again"},
			{"Retire downstream", "do not use the client's connection again"},
		},
		rest: "",
		rules: []rule{
			{"shared", "Received", []outcome{{"Forward shared", "shared"}, {"Forward fresh", "pinned"}, {"Forward tunnel", "shared"}}},
			{"shared", "Answered", []outcome{{"Forward shared", "shared"}, {"Forward fresh", "pinned"}, {"Forward tunnel", "shared"}, {"Retire downstream", "shared"}}},
			{"shared", "401", []outcome{{"Relay and keep", "pinned"}, {"", "reserved"}, {"", "pinned"}}},
			{"reserved", "Received", []outcome{{"Forward shared", "shared"}, {"Forward shared", "reserved"}, {"Forward fresh", "pinned"}, {"Forward tunnel", "shared"}, {"Forward tunnel", "reserved"}}},
			{"reserved", "Answered", []outcome{{"Forward shared", "shared"}, {"Forward shared", "reserved"}, {"Forward fresh", "pinned"}, {"Forward tunnel", "shared"}, {"Forward tunnel", "reserved"}}},
			{"reserved", "Closed downstream", []outcome{{"", "shared"}}},
			{"reserved", "Closed upstream", []outcome{{"", "shared"}}},
			{"pinned", "Received", []outcome{{"Forward shared", "pinned"}, {"Forward same", "pinned"}, {"Forward tunnel", "pinned"}, {"Retire upstream, Forward fresh", "pinned"}, {"Retire upstream, Forward shared", "shared"}, {"Retire upstream, Forward tunnel", "shared"}}},
			{"pinned", "Answered", []outcome{{"Forward shared", "pinned"}, {"Forward same", "pinned"}, {"Forward tunnel", "pinned"}, {"Relay and keep", "pinned"}, {"Retire upstream, Forward fresh", "pinned"}, {"Retire upstream, Forward shared", "shared"}, {"Retire upstream, Forward tunnel", "shared"}}},
			{"pinned", "401", []outcome{{"", "shared"}, {"Retire downstream", "shared"}}},
			{"pinned", "407", []outcome{{"Retire downstream", "shared"}}},
			{"pinned", "other status", []outcome{{"", "shared"}, {"Retire downstream", "shared"}}},
			{"pinned", "Closed downstream", []outcome{{"Retire upstream", "shared"}}},
			{"pinned", "Closed upstream", []outcome{{"", "shared"}, {"Retire downstream", "shared"}}},
		},
	},
}
