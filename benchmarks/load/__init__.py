"""Load on a hub over real sockets: its process, a lean client, and talk whose deliveries are verified."""
