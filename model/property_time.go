package model

var timeProperties = []Property{
	{
		Name: "NoIdentityAfterItsEnd",
		Says: "No request is admitted under an identity that has ended: neither one that the connection carries, nor one that the request's own credentials proved.",
		Rows: rows("CONN-7"),
		acceptor: on(func(_ *setup, l *ledger, a admitted) Verdict {
			end := a.info.Expires
			if !l.with {
				end = l.until
			}
			if a.anonymous || end == 0 {
				return Idle
			}
			return Must(a.at < end)
		}),
	},
}
