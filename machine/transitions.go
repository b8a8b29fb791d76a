package machine

// Transition is one row.
type Transition struct{ Machine, From, Event, Actions, To string }
