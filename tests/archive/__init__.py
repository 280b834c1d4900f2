"""Archives: the encoding, the layouts, the round trip and what is refused."""
