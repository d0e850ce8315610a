"""The decision: pure values and pure functions. No I/O, no clock, no framework (enforced by import contracts)."""
