"""Tests of the command line: every command, for people and as data, with good and with broken arguments."""
