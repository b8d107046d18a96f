package topology

// Sweep is sweep, for tests.
var Sweep = sweep
