"""Many hubs on one store, with real servers between them."""
