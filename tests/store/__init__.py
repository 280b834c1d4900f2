"""The stores: one contract that each engine must keep, and what is an engine's own."""
