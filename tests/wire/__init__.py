"""Tests of the language on the socket."""
