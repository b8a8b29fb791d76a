package main

import (
	"testing"

	"github.com/countersign-auth/countersign/drivers/examples/internal/rows"
)

func TestRows(t *testing.T) { rows.NetHTTP(t, newServer) }
