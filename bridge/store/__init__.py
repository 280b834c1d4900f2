"""Where things are kept: one port, several engines, one contract suite for all."""
