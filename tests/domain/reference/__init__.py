"""The reference of who may reach whom: hand-written tables, and a model apart from the rules."""
