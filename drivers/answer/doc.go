// Package answer holds sources of answers to the questions that schemes and
// mechanisms ask: a client's credentials, a server's users, and the memory that
// stops replays.
//
// A driver has one [Source] and hands it every question it does not answer
// itself. Sources are put together by [Chain]: the first one that has an answer
// gives it. Several user stores are put together by [Stores]: the first one that knows the
// user gives it.
//
//	source := answer.Chain(intranet, partner, answer.Func(askTheUser))
//
// What a source does not know, it declines. What it should know and cannot find
// out, because a directory does not answer, is gss.Unreachable: a server answers
// 503, if the source says the same of a user that does not exist
// (machine.ProbeUser). What it cannot find out for one user is gss.Unverifiable.
package answer
