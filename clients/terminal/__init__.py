"""The terminal clients: what a person types and reads."""
