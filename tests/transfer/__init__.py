"""Archives in the store: what they may say, what they may not, and that nothing of it is lost."""
