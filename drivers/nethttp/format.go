package nethttp

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

// Format implements fmt.Formatter.
func (ProxyConfig) Format(f fmt.State, _ rune) { hidden.Show[ProxyConfig](f) } // SECRET-1

// MarshalText implements encoding.TextMarshaler.
func (ProxyConfig) MarshalText() ([]byte, error) { return hidden.Text[ProxyConfig]() }

// Format implements fmt.Formatter.
func (Authenticator) Format(f fmt.State, _ rune) { hidden.Show[Authenticator](f) } // SECRET-1

// MarshalText implements encoding.TextMarshaler.
func (Authenticator) MarshalText() ([]byte, error) { return hidden.Text[Authenticator]() }
