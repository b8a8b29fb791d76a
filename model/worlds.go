package model

import (
	"slices"
)

// Worlds returns all worlds: the likely and the dangerous ones first, then those for what is rare.
func Worlds() []Scenario {
	return slices.Concat(commonWorlds(), rareWorlds(), timeWorlds(), connectionWorlds(), memoryWorlds(), bodyWorlds(), hostileWorlds())
}
