"""The asyncio around the rules: sockets, batches, sessions. Nothing here decides who may reach whom."""
