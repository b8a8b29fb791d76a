package session

import "github.com/countersign-auth/countersign/drivers/internal/hidden"

// opaque, embedded in T, keeps all that T has out of output.
type opaque[T any] = hidden.In[T]
