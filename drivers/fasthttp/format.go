package fasthttp

import (
	"fmt"

	"github.com/countersign-auth/countersign/drivers/internal/hidden"
)

// What these hold may be secret, or print secrets (L10): no output shows it.

// Format implements fmt.Formatter.
func (ClientConfig) Format(f fmt.State, _ rune) { hidden.Show[ClientConfig](f) } // SECRET-1

// MarshalText implements encoding.TextMarshaler.
func (ClientConfig) MarshalText() ([]byte, error) { return hidden.Text[ClientConfig]() }

// Format implements fmt.Formatter.
func (ServerConfig) Format(f fmt.State, _ rune) { hidden.Show[ServerConfig](f) } // SECRET-1

// MarshalText implements encoding.TextMarshaler.
func (ServerConfig) MarshalText() ([]byte, error) { return hidden.Text[ServerConfig]() }
