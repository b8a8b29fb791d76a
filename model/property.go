package model

import (
	"strings"
)

// Property is one claim about the shipped machines.
type Property struct {
	Name string
	// Says is the claim in a sentence.
	Says string
	Kind Kind
	// Rows are the requirements that it checks.
	Rows []string
	// Shipped: it speaks of mechanisms that only [MechanismWorlds] have.
	Shipped bool

	client   func(c *setup, t *trail, v any) Verdict
	acceptor func(c *setup, l *ledger, v any) Verdict
	state    func(w *System, s []uint32) Verdict
}

// rows splits a list of requirement ids.
func rows(ids string) []string { return strings.Fields(ids) }

// Properties returns all properties. Each is a variable with its judgement, in the file of
// the chapter of docs/requirements.md that its first row is of. Their order is that of a
// [Set], of the outcomes of [System.Check] and of the golden files.
func Properties() []Property {
	return []Property{
		// Of clients.
		driverKeepsContract, tooEarlyIsRetriedOnce, nego2OnlyWhenOffered, nego2WhenOffered, negotiateWhenNoNego2,
		status401ResetsPersistence, status407ResetsProxyPersistence, sidesIndependent, persistentSendsNoCredentials,
		persistOnlyAfterComplete, flagNeverCrossesConnections, newConnNotPersistent, zeroValueNotPersistent,
		persistNeverTouchesProxySide, noDeliverBeforeFinalLeg, failedMutualNeverDelivered, legsStayOnConnection,
		continuationFeedsContext, challengeTokenReachesMechanism, contextNeverCrossesConnections,
		identityNeverCrosses, noNegotiateThroughUnsupportingProxy, noNegotiateToFoundProxy, repeatedOnlyWhenSafe,
		repeatedOnce, unexpectedStopsClient, onceBodyOnlyWhenSafe, onceBodyAtMostOnce, emptyLegHasToken,
		noSuccessWithoutBody, legsBounded, noConnMechOnMultiplexed, headerDirection, oneTokenPerCredentials,
		proxyCredentialsConsumed, failedAbsorbs, noSilentDowngrade, onlyChallengeStatusIsAuthError,
		nonChallengeMidHandshakeIsNotAuth, ntlmMessageOrder, ntlmNeverReportsMutual, preemptiveOnlyWithKnowledge,
		askBeforeCredentialUse, noThirdLegForDigest, preemptiveSend, preemptiveDigestOnePair, persistTrueSkipsAuth,

		// Of origins and proxies.
		acceptorTakesAll, noAcceptWithoutContext, protectedNeverLeaks, noForwardWithoutContext, identityIsTheSenders,
		noHarmInEarlyData, tooEarlyChangesNothing, every401HasChallenge, every407HasChallenge,
		initialNegotiateIsBare, initialNTLMIsBare, nego2ChallengeCarriesToken, continueIs401WithToken,
		credentialTokenReachesMechanism, acceptorTokenIsSent, finalTokenOnFinalResponse, finalLegOn200,
		acceptorLegsBounded, unexpectedGets401, unexpectedNeverAuthenticates, askVerifierBeforeAccept,
		askFirstSeenBeforeAccept, replayQuestionNamesOwner, unavailableAcceptsNothing, digestIndependentOfConnection,
		noPersistBeforeAccept, serverEmitsOnlyTrueFalse, acceptCarriesPersist, persistentAuthEmitted,
		persistTrueIffConnAuth, noPersistThroughSharedFront, bareRequestKeepsNoContext, restartDropsIdentity,
		oneConnectionOneIdentity, upstreamNeverShared, proxySupportIffPinned, upstream407IsNotOurs,
		proxyForwardsChallengesUntouched, proxyForwardsCredentialsUntouched, boundCredentialsArePinned,

		// Of what drivers do with connections and fields.
		saidIsWritten, onlyUnsentGoesElsewhere, proxyCredentialsStay, ownedEndTogether, closingTakesNothing,
		repeatedUpstreamOnce, untouchedIsNotAnswered, stripTakesBoundOnly, pooledIsOpen,

		// Of acceptors with hostile clients, and of their other clients.
		proofIsOfOneUser, refusalForgets, noHandshakeOnStreams, noPinForSharedClients, pinFollowsUser,
		hostileClientsDoNoHarm,

		// Of time.
		noIdentityAfterItsEnd,

		// Of what exchanges learn.
		leasesCountUp, leaseStaysInScope, learnsOnlyWhatWorked,

		// Of handshakes that break off, and of requests that prove themselves.
		brokenHandshakeEndsConnection, nothingAfterTheEnd, eachRequestProvesItself,

		// Of the shipped mechanisms: whether a proof is right is computed from the secrets of the world, and not taken from any context.
		digestAnswersItsChallenge, digestTakesTheStrongest, digestCountsUp, digestProvesItsRequest,
		mutualMeansProven, acceptedProofIsRight, replayQuestionIsOfARightProof, staleMeansRightProof,
		serverProofIsRight,

		// Of whole worlds.
		eventuallyDecided,
	}
}

// hear judges one observation by every property, against the history before it:
// a client's, or an acceptor's.
func (j *judged) hear(w *System, v any, t *trail, l *ledger) {
	for i := range w.properties {
		p := &w.properties[i]
		verdict := Idle
		switch {
		case t != nil && p.client != nil:
			verdict = p.client(w.setup, t, v)
		case l != nil && p.acceptor != nil:
			verdict = p.acceptor(w.setup, l, v)
		}
		switch verdict {
		case Holds:
			j.held.add(i)
		case Falls:
			j.held.add(i)
			j.fell.add(i)
		}
	}
}

// checks are the properties as the explorer takes them.
func (w *System) checks() []Check {
	list := make([]Check, len(w.properties))
	for i := range w.properties {
		p := &w.properties[i]
		list[i] = Check{Name: p.Name, Kind: p.Kind}
		if p.state != nil {
			list[i].State = func(s []uint32) Verdict { return p.state(w, s) }
			continue
		}
		list[i].Step = func(id uint32) Verdict {
			l := &w.labels.values[id]
			switch {
			case l.fell.Has(i):
				return Falls
			case l.held.Has(i):
				return Holds
			}
			return Idle
		}
	}
	return list
}
