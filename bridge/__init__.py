"""Isthmus: one road for messages between accounts of two networks."""

__version__ = "0.1.0"
