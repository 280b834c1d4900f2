"""Tests of each module of rules, told as sentences."""
