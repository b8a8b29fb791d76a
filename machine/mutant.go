package machine

// A mutant is a fault that is seeded in the machines, to see that the properties
// of package model notice it. Only builds with the tag mutants have any; in all
// others a mutation has no size and says no, so that nothing of it is compiled.
//
// Faults that leave out a check are named here, and stand where the check does.
// Those that bend what comes out of a Step are with the list of all, in
// mutant_seeded.go.
type mutant string

const (
	interimIsMisuse         mutant = "InterimIsMisuse"
	nego2Unoffered          mutant = "Nego2Unoffered"
	sendThoughPersistent    mutant = "SendThoughPersistent"
	bornPersistent          mutant = "BornPersistent"
	preemptUnknowing        mutant = "PreemptUnknowing"
	shareIdentity           mutant = "ShareIdentity"
	bodyTooEarly            mutant = "BodyTooEarly"
	bodyTwice               mutant = "BodyTwice"
	noBodyAtAll             mutant = "NoBodyAtAll"
	oneLegMore              mutant = "OneLegMore"
	oneConnectionMore       mutant = "OneConnectionMore"
	goOnAfterUnexpected     mutant = "GoOnAfterUnexpected"
	silentDowngrade         mutant = "SilentDowngrade"
	anyErrorIsChallenge     mutant = "AnyErrorIsChallenge"
	restartOnContinuation   mutant = "RestartOnContinuation"
	deliverBeforeFinalLeg   mutant = "DeliverBeforeFinalLeg"
	persistThoughFalse      mutant = "PersistThoughFalse"
	persistMovesProxySide   mutant = "PersistMovesProxySide"
	believeMissingProof     mutant = "BelieveMissingProof"
	successWithoutBody      mutant = "SuccessWithoutBody"
	boundOnMultiplexed      mutant = "BoundOnMultiplexed"
	keepIdentityOnRestart   mutant = "KeepIdentityOnRestart"
	otherIdentityTakesOver  mutant = "OtherIdentityTakesOver"
	everybodyIsAnonymous    mutant = "EverybodyIsAnonymous"
	persistThroughFront     mutant = "PersistThroughFront"
	notModifiedIsMisuse     mutant = "NotModifiedIsMisuse"
	upstream407IsOurs       mutant = "Upstream407IsOurs"
	forwardUnauthenticated  mutant = "ForwardUnauthenticated"
	reuseAuthenticatedRoute mutant = "ReuseAuthenticatedRoute"
	keepOnHandlers401       mutant = "KeepOnHandlers401"
	acceptorLegMore         mutant = "AcceptorLegMore"
	malformedIsNone         mutant = "MalformedIsNone"
	repeatAnything          mutant = "RepeatAnything"
)
