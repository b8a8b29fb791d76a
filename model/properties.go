package model

// Properties returns all properties. Each is a variable with its judgement, in the file of
// the chapter of docs/requirements.md that its first row is of. Their order is that of a
// [Set], of the outcomes of [World.Check] and of the golden files.
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
		mutualMeansProven, acceptedProofIsRight, replayQuestionIsOfARightProof, staleMeansRightProof, refusedMemoryIsNoWrongPassword,
		serverProofIsRight,

		// Of whole worlds.
		eventuallyDecided,
	}
}

// checks returns the properties as the explorer takes them. A property over transitions was judged
// when its label was made, so its check looks up the verdict.
func (w *World) checks() []check {
	list := make([]check, len(w.properties))
	for i := range w.properties {
		p := &w.properties[i]
		list[i] = check{Name: p.Name, Kind: p.Kind}
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
