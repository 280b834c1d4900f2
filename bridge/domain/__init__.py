"""The rules: pure functions from facts and a command to an outcome.

Nothing here waits, writes, logs or looks anything up; clock and chance come in
as arguments.
"""
