package connect

import "github.com/countersign-auth/countersign/drivers/drive"

// Error says why a proxy gave no tunnel. Its Fault is zero where the proxy refused
// the tunnel as such, with Status. The proxy's own text is not in it: it is not the
// origin's, and must not be taken for that.
type Error = drive.Error
