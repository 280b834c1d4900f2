"""Whole conversations with a whole hub."""
