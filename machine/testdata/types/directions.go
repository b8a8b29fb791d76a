// Package types is of lines that must not compile: each one that ends in a comment with a requirement, and no other.
package types

import (
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/machine"
)

var (
	credentials = header.TokenCredentials("NTLM", "token")
	challenges  = header.ParseChallenges("NTLM")
)

// What a client sends.
var (
	_ = machine.Send{Authorization: credentials, ProxyAuthorization: credentials}
	_ = machine.Send{Challenges: challenges}             // N2HT-3.3.5-1
	_ = machine.Send{Authorization: challenges}          // NTHT-3.1.5-1
	_ = machine.Send{ProxyAuthorization: challenges}     // NTHT-3.1.5-2
	_ = machine.Send{PersistentAuth: header.PersistTrue} // N2HT-3.2.5-2
	_ = machine.Reopen{Challenges: challenges}           // N2HT-3.3.5-1
	_ = machine.Deliver{Challenges: challenges}          // N2HT-3.3.5-1
)

// What a server and a proxy send to their client.
var (
	_ = machine.Reply{Challenges: challenges}
	_ = machine.Finish{Challenges: challenges, PersistentAuth: header.PersistTrue}
	_ = machine.Reply{Challenges: credentials}         // NTHT-3.1.5-1
	_ = machine.Reply{Authorization: credentials}      // N2HT-3.2.5-1
	_ = machine.Reply{ProxyAuthorization: credentials} // NTHT-3.1.5-2
	_ = machine.Finish{Authorization: credentials}     // N2HT-3.2.5-1
	_ = machine.Accept{Authorization: credentials}     // N2HT-3.2.5-1
	_ = machine.Relay{Authorization: credentials}      // NTHT-3.1.5-2
)
