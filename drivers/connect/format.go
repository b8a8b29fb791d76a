package connect

import (
	"fmt"

	"github.com/countersign-auth/countersign/drivers/internal/hidden"
)

// What these hold may be secret, or print secrets (L10): no output shows it.

// Format implements fmt.Formatter.
func (Config) Format(f fmt.State, _ rune) { hidden.Show[Config](f) } // SECRET-1

// MarshalText implements encoding.TextMarshaler.
func (Config) MarshalText() ([]byte, error) { return hidden.Text[Config]() }
