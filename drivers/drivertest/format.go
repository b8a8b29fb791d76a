package drivertest

import (
	"fmt"

	"github.com/countersign-auth/countersign/drivers/internal/hidden"
)

// What these hold may be secret, or print secrets (L10): no output shows it.

// Format implements fmt.Formatter.
func (ClientSetup) Format(f fmt.State, _ rune) { hidden.Show[ClientSetup](f) } // SECRET-1

// MarshalText implements encoding.TextMarshaler.
func (ClientSetup) MarshalText() ([]byte, error) { return hidden.Text[ClientSetup]() }

// Format implements fmt.Formatter.
func (ServerSetup) Format(f fmt.State, _ rune) { hidden.Show[ServerSetup](f) } // SECRET-1

// MarshalText implements encoding.TextMarshaler.
func (ServerSetup) MarshalText() ([]byte, error) { return hidden.Text[ServerSetup]() }

// Format implements fmt.Formatter.
func (Driver) Format(f fmt.State, _ rune) { hidden.Show[Driver](f) } // SECRET-1

// MarshalText implements encoding.TextMarshaler.
func (Driver) MarshalText() ([]byte, error) { return hidden.Text[Driver]() }

// Format implements fmt.Formatter.
func (Client) Format(f fmt.State, _ rune) { hidden.Show[Client](f) } // SECRET-1

// MarshalText implements encoding.TextMarshaler.
func (Client) MarshalText() ([]byte, error) { return hidden.Text[Client]() }
