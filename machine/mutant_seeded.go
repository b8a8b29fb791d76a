//go:build mutants

package machine

import (
	"slices"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/scheme"
)

// Mutant is a fault that can be seeded in the machines of a build with the tag
// mutants.
type Mutant struct {
	Name string
	// Says is what the faulty machine does, in a sentence.
	Says string
	// Kills names the properties of package model that are to be among the first
	// to notice.
	Kills []string

	// Where the fault is no check that is left out, but bends what a Step gives:
	// from the machine before, the event, and the machine after, the other
	// actions.
	client func(c Client, e Event, next *Client, acts Actions) Actions
	server func(s Server, e Event, next *Server, acts Actions) Actions
	proxy  func(p Proxy, e Event, next *Proxy, acts Actions) Actions
	// choosing lies about the circumstances of a choice.
	choosing func(c *Client, k scheme.Conditions) scheme.Conditions
}

// mutation is the fault that a machine's configuration carries, nil for none.
type mutation struct{ seeded *Mutant }

// Mutate seeds a fault in machines that are made from this configuration.
func (m *mutation) Mutate(fault Mutant) { m.seeded = &fault }

func (m mutation) is(name mutant) bool { return m.seeded != nil && m.seeded.Name == string(name) }

func (m mutation) client(c Client, e Event, next *Client, acts Actions) Actions {
	if m.seeded == nil || m.seeded.client == nil {
		return acts
	}
	faulty := *next // a copy, so that machines without a fault cost what they always do
	acts = m.seeded.client(c, e, &faulty, acts)
	*next = faulty
	return acts
}

func (m mutation) server(s Server, e Event, next *Server, acts Actions) Actions {
	if m.seeded == nil || m.seeded.server == nil {
		return acts
	}
	faulty := *next
	acts = m.seeded.server(s, e, &faulty, acts)
	*next = faulty
	return acts
}

func (m mutation) proxy(p Proxy, e Event, next *Proxy, acts Actions) Actions {
	if m.seeded == nil || m.seeded.proxy == nil {
		return acts
	}
	faulty := *next
	acts = m.seeded.proxy(p, e, &faulty, acts)
	*next = faulty
	return acts
}

func (m mutation) choosing(c *Client, k scheme.Conditions) scheme.Conditions {
	if m.seeded == nil || m.seeded.choosing == nil {
		return k
	}
	copied := *c
	return m.seeded.choosing(&copied, k)
}

// bend makes a fault of a client, or of a server below, that changes one type of
// action.
func bend[A Action](f func(c Client, e Event, next *Client, a *A)) func(Client, Event, *Client, Actions) Actions {
	return func(c Client, e Event, next *Client, acts Actions) Actions {
		if a, ok := acts.At(0).(A); ok {
			f(c, e, next, &a)
			acts.a[0] = a
		}
		return acts
	}
}

func bendServer[A Action](f func(s Server, e Event, next *Server, a *A)) func(Server, Event, *Server, Actions) Actions {
	return func(s Server, e Event, next *Server, acts Actions) Actions {
		if a, ok := acts.At(0).(A); ok {
			f(s, e, next, &a)
			acts.a[0] = a
		}
		return acts
	}
}

func bendProxy[A Action](f func(p Proxy, a *A)) func(Proxy, Event, *Proxy, Actions) Actions {
	return func(p Proxy, _ Event, _ *Proxy, acts Actions) Actions {
		for i := range acts.a {
			if a, ok := acts.a[i].(A); ok {
				f(p, &a)
				acts.a[i] = a
			}
		}
		return acts
	}
}

// onStatus is a fault of a client that hears a challenge status.
func onStatus(status int, f func(c Client, next *Client)) func(Client, Event, *Client, Actions) Actions {
	return func(c Client, e Event, next *Client, acts Actions) Actions {
		if r, ok := e.(Response); ok && r.Status == status {
			f(c, next)
		}
		return acts
	}
}

// admitAs has a server run the handler for a request that it refused.
func admitAs(s *Server, peer, scheme string) Actions {
	s.phase = handling
	return Do(Accept{Scheme: scheme, Info: gss.Info{Peer: peer}})
}

// rewrite replaces the challenges of one scheme.
func rewrite(offers header.Challenges, name string, f func(header.Challenge) header.Challenge) header.Challenges {
	all := slices.Collect(offers.All())
	for i, c := range all {
		if c.Is(name) {
			all[i] = f(c)
		}
	}
	return header.ListOf(all...)
}

// hint is the toy mechanism's first word, where none is to be said.
func hint(name, token string) func(Server, Event, *Server, Actions) Actions {
	return bendServer(func(s Server, _ Event, _ *Server, r *Reply) {
		if !r.Fault.IsZero() {
			r.Challenges = rewrite(r.Challenges, name, func(header.Challenge) header.Challenge { return header.TokenChallenge(name, token) })
		}
	})
}

// declining passes an offer over as if there were no credentials for it.
func declining(name string) func(*Client, scheme.Conditions) scheme.Conditions {
	return func(c *Client, k scheme.Conditions) scheme.Conditions {
		for i, s := range c.conf.schemes[k.Side] {
			if s.Traits().Name == name && c.sides[k.Side].rounds > 0 {
				k.Declined = k.Declined.With(i)
			}
		}
		return k
	}
}

// Mutants are all of them, the clients' first.
func Mutants() []Mutant {
	return slices.Concat(clientMutants(), serverMutants(), proxyMutants())
}

func kills(names ...string) []string { return names }

func clientMutants() []Mutant {
	return []Mutant{
		{Name: string(interimIsMisuse), Kills: kills("DriverKeepsContract"),
			Says: "An interim response is an event that cannot come."},
		{Name: string(nego2Unoffered), Kills: kills("Nego2OnlyWhenOffered"),
			Says: "A lease is enough to open with Nego2."},
		{Name: "SkipNego2", Kills: kills("Nego2WhenOffered"), choosing: declining(scheme.Nego2),
			Says: "Nego2 is passed over where it is offered."},
		{Name: "SkipNegotiate", Kills: kills("NegotiateWhenNoNego2"), choosing: declining(scheme.Negotiate),
			Says: "Negotiate is passed over where it is offered."},
		{Name: "KeepPersistOn401", Kills: kills("401ResetsPersistence"),
			Says:   "A 401 leaves the origin taken for authenticated.",
			client: onStatus(401, func(c Client, next *Client) { next.sides[gss.Origin].persistent = c.sides[gss.Origin].persistent })},
		{Name: "KeepPersistOn407", Kills: kills("407ResetsProxyPersistence"),
			Says:   "A 407 leaves the proxy taken for authenticated.",
			client: onStatus(407, func(c Client, next *Client) { next.sides[gss.Proxy].persistent = c.sides[gss.Proxy].persistent })},
		{Name: "ResetBothSides", Kills: kills("SidesIndependent"),
			Says: "A 401 takes away what the connection holds of the proxy, and a 407 of the origin.",
			client: func(_ Client, e Event, next *Client, acts Actions) Actions {
				if r, ok := e.(Response); ok && (r.Status == 401 || r.Status == 407) {
					next.sides[gss.Origin].persistent, next.sides[gss.Proxy].persistent = false, false
				}
				return acts
			}},
		{Name: string(sendThoughPersistent), Kills: kills("PersistentSendsNoCredentials"),
			Says: "Requests carry credentials though the connection is authenticated."},
		{Name: string(persistThoughFalse), Kills: kills("PersistOnlyAfterComplete"),
			Says: "Persistent-Auth: false is taken for true."},
		{Name: "PersistMidway", Kills: kills("FlagNeverCrossesConnections", "PersistOnlyAfterComplete"),
			Says: "Persistent-Auth: true is believed in the middle of a handshake.",
			client: func(_ Client, e Event, next *Client, acts Actions) Actions {
				if r, ok := e.(Response); ok && r.Header.PersistentAuth == header.PersistTrue {
					next.sides[gss.Origin].persistent = true
				}
				return acts
			}},
		{Name: string(bornPersistent), Kills: kills("NewConnNotPersistent", "PreemptiveSend"),
			Says: "A fresh connection is taken for authenticated."},
		{Name: "DeliverAsAuthenticated", Kills: kills("ZeroValueNotPersistent"),
			Says:   "Every response is delivered as authenticated.",
			client: bend(func(_ Client, _ Event, _ *Client, d *Deliver) { d.Authenticated = true })},
		{Name: "DeliverNothingAsAuthenticated", Kills: kills("PersistTrueSkipsAuth", "PreemptiveDigestOnePair"),
			Says:   "No response is delivered as authenticated.",
			client: bend(func(_ Client, _ Event, _ *Client, d *Deliver) { d.Authenticated = false })},
		{Name: string(persistMovesProxySide), Kills: kills("PersistNeverTouchesProxySide"),
			Says: "Persistent-Auth is taken for the proxy's word, too."},
		{Name: string(deliverBeforeFinalLeg), Kills: kills("NoDeliverBeforeFinalLeg"),
			Says: "A response is delivered before its final token went through the context."},
		{Name: string(believeMissingProof), Kills: kills("FailedMutualNeverDelivered"),
			Says: "A response without the proof that is due is delivered."},
		{Name: "CrossConnectionLeg", Kills: kills("LegsStayOnConnection"),
			Says:   "A later leg may go out on any connection.",
			client: bend(func(_ Client, _ Event, _ *Client, s *Send) { s.Pinned = false })},
		{Name: string(restartOnContinuation), Kills: kills("ContinuationFeedsContext"),
			Says: "A challenge token that is due starts the handshake anew."},
		{Name: "DeliverFreshContext", Kills: kills("ChallengeTokenReachesMechanism"),
			Says: "The context that is delivered is not the one that took the challenges in.",
			client: bend(func(c Client, e Event, _ *Client, d *Deliver) {
				o := &c.sides[gss.Origin]
				if r, ok := e.(Response); ok && o.scheme != 0 && d.Context != nil && r.Header.WWWAuthenticate.Empty() {
					d.Context = c.conf.schemes[gss.Origin][o.scheme-1].Initiate(c.exchangeOf(gss.Origin)).Context()
				}
			})},
		{Name: "DeliverHalfContext", Kills: kills("ContextNeverCrossesConnections"),
			Says: "A context that is in its middle is delivered.",
			client: bend(func(c Client, _ Event, _ *Client, d *Deliver) {
				if o := &c.sides[gss.Origin]; d.Context == nil && o.ctx != nil {
					d.Context = o.ctx.Context()
				}
			})},
		{Name: string(shareIdentity), Kills: kills("IdentityNeverCrosses"),
			Says: "A connection that belongs to one identity is used for another."},
		{Name: "TrustEveryProxy", Kills: kills("NoNegotiateThroughUnsupportingProxy"),
			Says: "Handshakes run through proxies that do not keep clients apart.",
			choosing: func(_ *Client, k scheme.Conditions) scheme.Conditions {
				k.Affine = true
				return k
			}},
		{Name: string(goOnAfterUnexpected), Kills: kills("UnexpectedStopsClient"),
			Says: "Another scheme is tried after the peer broke the protocol."},
		{Name: string(bodyTooEarly), Kills: kills("OnceBodyOnlyWhenSafe"),
			Says: "The body goes out with the first leg."},
		{Name: string(bodyTwice), Kills: kills("OnceBodyAtMostOnce"),
			Says: "That the only body is spent is forgotten."},
		{Name: string(noBodyAtAll), Kills: kills("EmptyLegHasToken"),
			Says: "The body stays behind."},
		{Name: string(successWithoutBody), Kills: kills("NoSuccessWithoutBody"),
			Says: "What answers an empty leg is delivered."},
		{Name: string(oneLegMore), Kills: kills("LegsBounded"),
			Says: "One challenge more than MaxLegs is answered."},
		{Name: string(oneConnectionMore), Kills: kills("LegsBounded"),
			Says: "One connection more than MaxReconnects is used up."},
		{Name: string(boundOnMultiplexed), Kills: kills("NoConnMechOnMultiplexed"),
			Says: "Handshakes run on multiplexed connections (the policy's guard is off as well: either would do alone).",
			choosing: func(_ *Client, k scheme.Conditions) scheme.Conditions {
				k.Multiplexed = false
				return k
			}},
		{Name: "ProxyCredentialsToOrigin", Kills: kills("HeaderDirection"),
			Says: "What is for the proxy goes into Authorization.",
			client: bend(func(c Client, _ Event, _ *Client, s *Send) {
				if s.ProxyAuthorization.Present() {
					s.Authorization = s.ProxyAuthorization
				}
			})},
		{Name: "LoseTokens", Kills: kills("OneTokenPerCredentials"),
			Says: "Credentials go out without their token.",
			client: bend(func(_ Client, _ Event, _ *Client, s *Send) {
				if _, ok := s.Authorization.Token(); ok {
					s.Authorization = header.ParseCredentials(s.Authorization.Scheme())
				}
			})},
		{Name: "ProxyAuthorizationToOrigin", Kills: kills("ProxyCredentialsConsumed"),
			Says: "Credentials go out in both fields.",
			client: bend(func(_ Client, _ Event, _ *Client, s *Send) {
				if s.Authorization.Present() {
					s.ProxyAuthorization = s.Authorization
				}
			})},
		{Name: "AuthenticatedMidway", Kills: kills("NonChallengeMidHandshakeIsNotAuth"),
			Says: "A response that ends a handshake in its middle is delivered as authenticated.",
			client: bend(func(c Client, _ Event, _ *Client, d *Deliver) {
				if o := &c.sides[gss.Origin]; o.scheme != 0 && !o.proven {
					d.Authenticated = true
				}
			})},
		{Name: string(silentDowngrade), Kills: kills("NoSilentDowngrade"),
			Says: "A scheme that failed counts as one without credentials, so that a weaker one follows."},
		{Name: string(anyErrorIsChallenge), Kills: kills("OnlyChallengeStatusIsAuthError"),
			Says: "A 404 or a 500 is taken for a 401."},
		{Name: "RepeatLastLeg", Kills: kills("NTLMMessageOrder"),
			Says: "The last leg of NTLM opens an exchange.",
			client: bend(func(_ Client, _ Event, _ *Client, s *Send) {
				if t, ok := s.Authorization.Token(); ok && s.Authorization.Is(scheme.NTLM) && len(t) > len("toy/NTLM:i1") {
					s.Authorization = header.TokenCredentials(scheme.NTLM, t[:len("toy/NTLM:i")]+"2"+t[len("toy/NTLM:i1"):])
				}
			})},
		{Name: "NTLMReportsMutual", Kills: kills("NTLMNeverReportsMutual"),
			Says: "Every context tells that the server proved itself.",
			client: bend(func(_ Client, _ Event, _ *Client, d *Deliver) {
				d.Info.Flags |= gss.Mutual
			})},
		{Name: string(preemptUnknowing), Kills: kills("PreemptiveOnlyWithKnowledge"),
			Says: "The strongest scheme opens, though nothing is known of the peer."},
		{Name: "NeverAsk", Kills: kills("AskBeforeCredentialUse"),
			Says: "Credentials are made up instead of asked for.",
			client: func(_ Client, _ Event, next *Client, acts Actions) Actions {
				if a, ok := acts.At(0).(Ask); ok {
					acts, _ = next.step(gss.Env{Now: 1}, Answered{a.ID, gss.Password{User: "alice", Password: gss.NewSecret("secret")}})
				}
				return acts
			}},
		{Name: "RepeatRefusedDigest", Kills: kills("NoThirdLegForDigest"),
			Says: "Credentials of Digest that were refused are sent again.",
			client: func(c Client, e Event, next *Client, acts Actions) Actions {
				if r, ok := e.(Response); ok && r.Status == 401 && c.sides[gss.Origin].creds.Is(scheme.Digest) {
					*next = c
					return Do(Send{Authorization: c.sides[gss.Origin].creds})
				}
				return acts
			}},
		{Name: "NegotiateToAnyProxy", Kills: kills("NoNegotiateToFoundProxy"),
			Says: "Every proxy counts as one that the user named.",
			choosing: func(_ *Client, k scheme.Conditions) scheme.Conditions {
				k.ExplicitProxy = true
				return k
			}},
		{Name: string(repeatAnything), Kills: kills("RepeatedOnlyWhenSafe"),
			Says: "A request that a closed connection left unanswered is sent again, whatever it is."},
		{Name: "NeverPreempt", Kills: kills("PreemptiveSend", "PreemptiveDigestOnePair"),
			Says: "What a lease knows is never used.",
			choosing: func(c *Client, k scheme.Conditions) scheme.Conditions {
				if c.sides[k.Side].rounds == 0 {
					k.Declined = ^scheme.Set(0)
				}
				return k
			}},
		{Name: "ForgetWhoseItMayBe", Kills: kills("IdentityIsTheSenders"),
			Says: "That the peer may hold an identity once the last leg is sent is forgotten.",
			client: bend(func(c Client, _ Event, next *Client, _ *Send) {
				for i := range next.sides {
					next.sides[i].bound = c.sides[i].bound
				}
			})},
		{Name: "StayInTheMiddle", Kills: kills("IdentityNeverCrosses"),
			Says: "A connection on which a handshake was left in its middle is used again.",
			client: func(c Client, e Event, next *Client, acts Actions) Actions {
				if r, ok := e.(Response); ok && !r.Close && acts.Len() == 2 {
					next.phase = idle
					return Do(acts.At(0))
				}
				return acts
			}},
		{Name: "NeverDecide", Kills: kills("EventuallyDecided"),
			Says: "A response that ends the exchange is kept.",
			client: func(c Client, _ Event, next *Client, acts Actions) Actions {
				if _, ok := acts.At(0).(Deliver); ok {
					*next = c
					return Actions{}
				}
				return acts
			}},
	}
}

func serverMutants() []Mutant {
	return []Mutant{
		{Name: string(notModifiedIsMisuse), Kills: kills("AcceptorTakesAll"),
			Says: "A 304 is a response that cannot come."},
		{Name: "AcceptWithoutContext", Kills: kills("NoAcceptWithoutContext", "NoForwardWithoutContext"),
			Says: "Credentials are enough, whatever becomes of them.",
			server: func(s Server, e Event, next *Server, acts Actions) Actions {
				if _, ok := acts.At(0).(Reply); ok && s.half.scheme == 0 && s.kept.scheme == 0 {
					if r, ok := e.(Received); ok && (r.Header.Authorization.Present() || s.conf.side == gss.Proxy && r.Header.ProxyAuthorization.Present()) {
						return admitAs(next, "alice", "")
					}
				}
				return acts
			}},
		{Name: string(keepOnHandlers401), Kills: kills("NoAcceptWithoutContext"),
			Says: "A 401 of the handler leaves the connection to who it belonged to."},
		{Name: string(acceptorLegMore), Kills: kills("AcceptorLegsBounded"),
			Says: "One leg more than MaxLegs is asked for."},
		{Name: string(malformedIsNone), Kills: kills("UnexpectedGets401"),
			Says: "Credentials that do not parse count as none."},
		{Name: string(everybodyIsAnonymous), Kills: kills("ProtectedNeverLeaks"),
			Says: "Anonymous is let in where it is not allowed."},
		{Name: "WrongPeer", Kills: kills("IdentityIsTheSenders"),
			Says: "The name of who authenticated is mixed up.",
			server: bendServer(func(_ Server, _ Event, _ *Server, a *Accept) {
				if a.Info.Peer != "" {
					a.Info.Peer = "mallory"
				}
			})},
		{Name: "BareReply401", Kills: kills("Every401HasChallenge"),
			Says: "A 401 carries no challenge.",
			server: bendServer(func(s Server, _ Event, _ *Server, r *Reply) {
				if s.conf.side == gss.Origin {
					r.Challenges = header.Challenges{}
				}
			})},
		{Name: "BareReply407", Kills: kills("Every407HasChallenge"),
			Says: "A 407 carries no challenge.",
			server: bendServer(func(s Server, _ Event, _ *Server, r *Reply) {
				if s.conf.side == gss.Proxy {
					r.Challenges = header.Challenges{}
				}
			})},
		{Name: "TokenInFirstChallenge", Kills: kills("InitialNegotiateIsBare"), server: hint(scheme.Negotiate, "toy:h"),
			Says: "The first challenge of Negotiate carries a token."},
		{Name: "MessageInFirstChallenge", Kills: kills("InitialNTLMIsBare"), server: hint(scheme.NTLM, "toy/NTLM:h"),
			Says: "The first challenge of NTLM carries a message."},
		{Name: "NoTokenInNego2", Kills: kills("Nego2ChallengeCarriesToken"),
			Says: "The first challenge of Nego2 is bare.",
			server: bendServer(func(_ Server, _ Event, _ *Server, r *Reply) {
				r.Challenges = rewrite(r.Challenges, scheme.Nego2, func(header.Challenge) header.Challenge { return header.BareChallenge(scheme.Nego2) })
			})},
		{Name: "LoseChallengeToken", Kills: kills("ContinueIs401WithToken"),
			Says: "The next leg is asked for without the acceptor's token.",
			server: bendServer(func(s Server, _ Event, _ *Server, r *Reply) {
				if r.Fault.IsZero() {
					r.Challenges = s.challenges(gss.Env{Now: 1})
				}
			})},
		{Name: "AcceptFreshContext", Kills: kills("CredentialTokenReachesMechanism"),
			Says: "The context that the handler gets is not the one that took the credentials in.",
			server: bendServer(func(s Server, _ Event, next *Server, a *Accept) {
				if a.Context != nil && next.half.scheme != 0 {
					a.Context = s.conf.Schemes[next.half.scheme-1].Accept(next.exchange()).Context()
				}
			})},
		{Name: "LoseFinalToken", Kills: kills("AcceptorTokenIsSent", "FinalLegOn200"),
			Says: "The acceptor's last token stays behind.",
			server: bendServer(func(s Server, e Event, _ *Server, f *Finish) {
				if r, ok := e.(Responding); ok && r.Status != s.challengeStatus() {
					f.Challenges = header.Challenges{}
				}
			})},
		{Name: "FinalTokenOn401", Kills: kills("FinalTokenOnFinalResponse"),
			Says: "The last token leaves with the handler's 401, too.",
			server: bendServer(func(s Server, e Event, _ *Server, f *Finish) {
				if r, ok := e.(Responding); ok && r.Status == s.challengeStatus() {
					f.Challenges = s.now.final.Append(f.Challenges)
				}
			})},
		{Name: "UnexpectedGets400", Kills: kills("UnexpectedGets401"),
			Says: "A request in the middle of a handshake, without credentials, gets a 400.",
			server: bendServer(func(_ Server, _ Event, _ *Server, r *Reply) {
				if r.Fault.Code == gss.Unexpected {
					r.Status, r.Challenges = 400, header.Challenges{}
				}
			})},
		{Name: "AcceptUnexpected", Kills: kills("UnexpectedNeverAuthenticates"),
			Says: "A request that cannot come now is admitted.",
			server: func(s Server, _ Event, next *Server, acts Actions) Actions {
				if r, ok := acts.At(0).(Reply); ok && r.Fault.Code == gss.Unexpected && s.half.scheme != 0 {
					return admitAs(next, "alice", s.traits(s.half.scheme).Name)
				}
				return acts
			}},
		{Name: "ReviveFailed", Kills: kills("FailedAbsorbs"),
			Says: "A refused handshake admits whoever comes next.",
			server: func(s Server, _ Event, next *Server, acts Actions) Actions {
				if r, ok := acts.At(0).(Reply); ok && r.Fault.Code == gss.BadCredentials {
					next.kept = kept{s.half.scheme, gss.Info{Peer: "alice"}, nil}
				}
				return acts
			}},
		{Name: "KeepHalfOnRefusal", Kills: kills("ContinueIs401WithToken"),
			Says: "A leg that cannot come now leaves the handshake where it was.",
			server: bendServer(func(s Server, _ Event, next *Server, r *Reply) {
				if r.Fault.Code == gss.Unexpected {
					next.half = s.half
				}
			})},
		{Name: "SkipVerifier", Kills: kills("AskVerifierBeforeAccept"),
			Says: "A proof is taken for good without asking for what verifies it.",
			server: func(_ Server, _ Event, next *Server, acts Actions) Actions {
				if a, ok := acts.At(0).(Ask); ok {
					if need, ok := a.Question.(gss.NeedVerifier); ok { // as every test's secrets are made
						secret := gss.NewSecret(need.User + "-" + next.conf.side.String())
						acts, _ = next.step(gss.Env{Now: 1}, Answered{a.ID, gss.Password{Password: secret}})
					}
				}
				return acts
			}},
		{Name: "ReplaysAreNew", Kills: kills("AskFirstSeenBeforeAccept"),
			Says: "The memory of what was seen is not asked.",
			server: func(_ Server, _ Event, next *Server, acts Actions) Actions {
				if a, ok := acts.At(0).(Ask); ok {
					if _, ok := a.Question.(gss.NeedFirstSeen); ok {
						acts, _ = next.step(gss.Env{Now: 1}, Answered{a.ID, gss.FirstSeen{First: true}})
					}
				}
				return acts
			}},
		{Name: "RefuseDigest", Kills: kills("DigestIndependentOfConnection"),
			Says: "Whoever comes with Digest is refused.",
			server: func(s Server, e Event, next *Server, acts Actions) Actions {
				if r, ok := e.(Received); ok && s.conf.side == gss.Origin && r.Header.Authorization.Is(scheme.Digest) {
					return next.refuse(gss.Env{Now: 1}, gss.Fault{Code: gss.BadCredentials, Detail: "Digest is refused"})
				}
				return acts
			}},
		{Name: "PersistBeforeAccept", Kills: kills("NoPersistBeforeAccept"),
			Says: "Every response says Persistent-Auth: true.",
			server: bendServer(func(s Server, _ Event, _ *Server, f *Finish) {
				f.PersistentAuth = header.PersistTrue
			})},
		{Name: "GarblePersist", Kills: kills("ServerEmitsOnlyTrueFalse"),
			Says: "Persistent-Auth has a value that there is not.",
			server: bendServer(func(_ Server, _ Event, _ *Server, f *Finish) {
				if f.PersistentAuth != header.PersistAbsent {
					f.PersistentAuth = header.PersistInvalid
				}
			})},
		{Name: "SayNothingOfPersistence", Kills: kills("AcceptCarriesPersist", "PersistentAuthEmitted"),
			Says: "Persistent-Auth is never said.",
			server: bendServer(func(_ Server, _ Event, _ *Server, f *Finish) {
				f.PersistentAuth = header.PersistAbsent
			})},
		{Name: "SayFalseAndKeep", Kills: kills("PersistTrueIffConnAuth"),
			Says: "An identity is kept, and Persistent-Auth: false is said.",
			server: bendServer(func(_ Server, _ Event, _ *Server, f *Finish) {
				if f.PersistentAuth == header.PersistTrue {
					f.PersistentAuth = header.PersistFalse
				}
			})},
		{Name: string(persistThroughFront), Kills: kills("NoPersistThroughSharedFront"),
			Says: "An identity is kept though the connection may carry several clients."},
		{Name: "KeepHalfOpenOnBare", Kills: kills("BareRequestKeepsNoContext"),
			Says: "A request without credentials leaves a handshake behind.",
			server: bendServer(func(s Server, _ Event, next *Server, r *Reply) {
				if r.Fault.Code == gss.NoCredentials {
					next.half = handshake{scheme: 1, ctx: s.conf.Schemes[0].Accept(next.exchange())}
				}
			})},
		{Name: string(keepIdentityOnRestart), Kills: kills("RestartDropsIdentity"),
			Says: "A first message leaves the identity that the connection has."},
		{Name: string(otherIdentityTakesOver), Kills: kills("OneConnectionOneIdentity"),
			Says: "Another identity may take a connection over."},
	}
}

func proxyMutants() []Mutant {
	return []Mutant{
		{Name: string(forwardUnauthenticated), Kills: kills("NoForwardWithoutContext"),
			Says: "A request that the proxy refuses goes on to the origin."},
		{Name: string(reuseAuthenticatedRoute), Kills: kills("UpstreamNeverShared"),
			Says: "An upstream connection that was one client's stays open when that client goes."},
		{Name: "ShareUpstream", Kills: kills("BoundCredentialsArePinned"),
			Says: "Credentials of a handshake go out over a shared connection.",
			proxy: bendProxy(func(p Proxy, f *Forward) {
				if f.Pin == Fresh {
					f.Pin = Shared
				}
			})},
		{Name: "SaySupportUnpinned", Kills: kills("ProxySupportIffPinned"),
			Says:  "Proxy-Support is said of every response.",
			proxy: bendProxy(func(_ Proxy, r *Relay) { r.SessionBased = true })},
		{Name: string(upstream407IsOurs), Kills: kills("Upstream407IsNotOurs"),
			Says: "A 407 from upstream is passed on."},
		{Name: "TouchChallenges", Kills: kills("ProxyForwardsChallengesUntouched"),
			Says:  "A forward proxy takes challenges out.",
			proxy: bendProxy(func(_ Proxy, r *Relay) { r.Strip = true })},
	}
}
