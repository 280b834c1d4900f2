"""The hub over real sockets: what clients may rely on."""
