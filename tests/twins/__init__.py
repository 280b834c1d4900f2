"""Hubs that differ in nothing but their engine, side by side."""
