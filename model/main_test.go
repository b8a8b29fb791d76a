package model

import "flag"

var (
	update = flag.Bool("update", false, "write the golden files")
	full   = flag.Bool("full", false, "explore the worlds in full size")
)
