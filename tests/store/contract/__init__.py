"""What the port promises, told as sentences; every engine is asked each of them."""
