"""The tests: one folder for each part they judge."""
