"""What is SQLite's own: files, locks, steps of the schema, faults, damage, erasure, the index of words."""
