// Package krb5 provides answer.Sources for Kerberos: KDC exchanges, keytabs, credential
// caches and a replay cache. They answer the questions of packages kerberos and ticket.
//
//	question                        answered by
//	gss.NeedExchange{"kdc"}         [Client]: UDP, TCP, HTTPS (MS-KKDCP)
//	kerberos.NeedHostName           [Client]
//	gss.NeedCredential              [Cache], [Keytab]
//	kerberos.NeedTicket             [Tickets]
//	kerberos.KeepTicket             [Tickets], [Cache]
//	kerberos.NeedServiceKey         [Keytab]
//	gss.NeedReplayCheck               [ReplayCache]
//
// Each is an answer.Source; answer.Chain puts them together. None starts a goroutine
// that outlives the answer.
package krb5
