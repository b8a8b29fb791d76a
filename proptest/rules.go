package proptest

// rule is something that a kit holds backends to.
type rule uint8

const (
	// For every step of everything.
	noPanic rule = iota
	noError
	pure
	oldStates
	compares
	misuseIsError
	misuseKeeps
	redacted

	// For everything that ends in an outcome.
	shape
	absorbs
	completes
	terminates
	infoHonest
	garbage
	tampering
	emptyToken
	replayed
	stranger
	declined
	faultQuiet
	zeroSeed
	asksOnce
	ownerNamed
	bounded

	// Mechanisms.
	maxLegs
	absentToken
	afterComplete
	reflected
	sessionEarly
	requestsMutual
	bindingMismatch
	bindingThree
	initialFraming
	openingHint
	sessionSequence
	sessionForged
	sessionSeals

	// Schemes.
	ownName
	firstOffer
	fitsOnWire
	offerStateless
	memoryOpens
	refusalsAlike
	refusalEnds
	concluded

	// Machines.
	roleActions
	asksAnswered
	sendsBounded
	rules
)

// book tells the rules: the name of the subtest, what is asked for in a
// sentence, and which backends it is for, "" if all.
var book = [rules]struct{ name, says, when string }{
	noPanic:       {name: "no_panic", says: "no input of a peer, and no mistake of the caller, may cause a panic"},
	noError:       {name: "no_error_from_peer", says: "what a peer or a questioned third party does is an outcome (Failed with a Fault), never a Go error"},
	pure:          {name: "pure", says: "a step is a pure function: the same state, Env and input give equal results"},
	oldStates:     {name: "old_states_stay_valid", says: "a state is immutable: it can be stepped again after others were made from it, with equal results"},
	compares:      {name: "comparable", says: "every state and output compares with ==, down to what its interfaces hold"}, // HTA-1
	misuseIsError: {name: "misuse_is_an_error", says: "what only the caller can do wrong is an error of type gss.Misuse: an answer to no question, anything but the answer while a question is open, both at once"},
	misuseKeeps:   {name: "misuse_keeps_the_state", says: "after an error the returned state equals the old one, and the output is zero"},                                                                                                  // HTA-2
	redacted:      {name: "secrets_redacted", says: "no fmt verb and no JSON of a state, output, question or fault shows a secret; a type that keeps one in a field that is not exported needs a Format of its own", when: "with Secrets"}, // HTA-12

	shape:      {name: "output_shape", says: "an output holds what its state says, and nothing else: a Fault with words when Failed, a question when Waiting, a message when Continue or Ready"},
	absorbs:    {name: "failed_absorbs", says: "a failed state stays as it is and gives its fault again, whatever comes; nothing is established after a failure"}, // HTA-8
	completes:  {name: "completes", says: "two honest sides complete with each other, at the same message, and no message is left over"},
	terminates: {name: "terminates", says: "an exchange ends: no side goes on asking or talking forever"},
	infoHonest: {name: "info_honest", says: "Info says what was established, and no more than the traits promised: name, mechanism, flags, expiry"},
	garbage:    {name: "garbage_never_completes", says: "bytes that are no message of the protocol lead to a refusal, never to completion"},
	tampering:  {name: "tampering_changes_nothing", says: "a message that was altered or cut on its way is refused, or changes nothing of what is established", when: "without NoTamperProtection"},
	emptyToken: {name: "empty_is_not_absent", says: "a token that is present and empty is a malformed message; it does not stand for an absent one"},
	replayed:   {name: "replay_never_completes", says: "messages recorded in one exchange do not establish another one", when: "without NoReplayProtection, and not in clear text"},
	stranger:   {name: "stranger_refused", says: "a peer that lacks the credentials is not accepted", when: "with a Stranger"},
	declined:   {name: "unanswered_fails", says: "where credentials, verifiers, third parties or the memory of replays are declined, or cannot be reached, the exchange ends in a refusal, not in an error and not in completion", when: "that asks questions"},
	faultQuiet: {name: "fault_without_peer_bytes", says: "a Fault is in our own words: it repeats no byte of the peer's"},
	zeroSeed:   {name: "zero_seed_fails_closed", says: "a step with the zero seed either needs no entropy, and then gives the same as with any seed, or fails with NoEntropy"}, // HTA-3
	asksOnce:   {name: "asks_once", says: "no question is asked a second time for the same message of the peer, and NeedCredential not for another one either", when: "that asks questions"},
	ownerNamed: {name: "replay_question_names_owner", says: "the question whether something is new names the client that it is charged to and the time of the step, and is asked only once the client's proof was right", when: "that asks gss.NeedReplayCheck"}, // REPLAY-1
	bounded:    {name: "messages_bounded", says: "no message is longer than 65,536 bytes, and a peer's longer one is refused"},

	maxLegs:         {name: "legs_within_traits", says: "the initiator sends at least one token, and no more than Traits.MaxLegs"},
	absentToken:     {name: "absent_token_fails", says: "a step without a token, where one was due, fails the context: the peer went on without", when: "of which a side waits for a second token"},
	afterComplete:   {name: "token_after_complete_fails", says: "a token after Complete fails the context"},
	reflected:       {name: "reflection_never_completes", says: "a side's own tokens, sent back to it, do not complete it"},
	sessionEarly:    {name: "session_only_when_complete", says: "there is no message protection before Complete, nor after a failure"},
	requestsMutual:  {name: "requests_mutual", says: "mutual authentication is requested whatever Target.Want says, and is in force once complete", when: "whose Traits say Mutual"},                                                            // N2HT-5.1-1, SPNG-3.3.3-1
	bindingMismatch: {name: "channel_binding_mismatch", says: "an acceptor that knows its channel, or among which it is, refuses a peer that names another one, or says that there is none; equal ones are ChannelBound", when: "with Binding"}, // R4559-6-3, HTA-19, BIND-1
	bindingThree:    {name: "channel_binding_three_values", says: "none, known and unavailable are three values: only two known and equal ones are ever ChannelBound, and a peer that lacks the binding is refused as BadBinding or not at all", when: "with Binding"},
	initialFraming:  {name: "initial_token_framing", says: "the first token is an InitialContextToken (RFC 2743 section 3.1): tag 0x60, length, the mechanism's OID", when: "with Framed"},   // R4559-4.2-3
	openingHint:     {name: "opening_hint_keeps_no_state", says: "the answer to an acceptor's opening hint is taken by the one that gave it, and by one that never did", when: "with Opens"}, // HTA-20
	sessionSequence: {name: "session_sequence", says: "message tokens are taken once and in order; one too early, too late or of our own is refused, and the session stays as it was", when: "with Integrity"},
	sessionForged:   {name: "session_forgery", says: "a forged message token is refused, gives no text and does not move the receiver's sequence number", when: "with Integrity"}, // NLMP-3.4.4-1
	sessionSeals:    {name: "session_seals", says: "Wrap gives what Unwrap takes; sealed it hides the text, and a session that cannot seal says so", when: "with Integrity"},

	ownName:        {name: "own_name_and_form", says: "credentials and challenges are of the scheme's own name, in the form of its traits"},
	firstOffer:     {name: "first_offer", says: "the first challenge is what Traits.First says: bare, with a token, or with parameters"},
	fitsOnWire:     {name: "fits_on_the_wire", says: "credentials, challenges and infos keep to the grammar and bounds of their fields, and are read back from their own text as they were"},
	offerStateless: {name: "offer_keeps_no_state", says: "an offer leaves nothing behind on the server: it is a function of Env and Exchange, and its answer is taken by an acceptor made before or after it"}, // HTA-20
	memoryOpens:    {name: "memory_opens", says: "what Concluded gives to remember opens the next exchange without a challenge, and is accepted", when: "that gives a Memory"},
	refusalsAlike:  {name: "one_refusal_outside", says: "an unknown user and a wrong password look the same to the peer", when: "that asks for a verifier or a verdict"}, // HTA-14
	refusalEnds:    {name: "refusal_ends", says: "a server that answers every proof with its first challenge is not answered forever"},                                   // HTA-6
	concluded:      {name: "concludes_on_proof", says: "a final response without the peer's last message does not complete a client whose traits say Mutual, and what does not verify fails it", when: "whose client's traits say Mutual"},

	roleActions:  {name: "actions_by_role", says: "a client's actions hold no challenges, and a server's no credentials"}, // N2HT-3.2.5-1, N2HT-3.3.5-1
	asksAnswered: {name: "asks_are_answerable", says: "an Ask has a question, and its answer is taken", when: "that asks questions"},
	sendsBounded: {name: "requests_bounded", says: "an exchange ends after a bounded number of requests and connections, whatever the peer says", when: "in the role of a client"}, // HTA-6
}

// common are for every step.
var common = []rule{noPanic, noError, pure, oldStates, compares, misuseIsError, misuseKeeps}

// The rules of each kit.
var (
	mechanismRules = append(common[:len(common):len(common)], redacted, shape, absorbs, completes, terminates, infoHonest, garbage, tampering,
		emptyToken, replayed, stranger, declined, faultQuiet, zeroSeed, asksOnce, ownerNamed, bounded, maxLegs, absentToken, afterComplete, reflected,
		sessionEarly, requestsMutual, bindingMismatch, bindingThree, initialFraming, openingHint, sessionSequence, sessionForged, sessionSeals)
	schemeRules = append(common[:len(common):len(common)], redacted, shape, absorbs, completes, terminates, infoHonest, garbage, tampering,
		replayed, stranger, declined, faultQuiet, zeroSeed, asksOnce, ownerNamed, bounded,
		ownName, firstOffer, fitsOnWire, offerStateless, memoryOpens, refusalsAlike, refusalEnds, concluded)
	machineRules = append(common[:len(common):len(common)], redacted, faultQuiet, stranger, roleActions, asksAnswered, sendsBounded)
)
