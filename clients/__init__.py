"""Clients of the bridge: they speak its wire and see nothing else of it."""
