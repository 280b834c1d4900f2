"""Other servers, measured beside the bridge when they are installed, each through its own protocol."""
