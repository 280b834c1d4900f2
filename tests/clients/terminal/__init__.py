"""Tests of the terminal clients."""
