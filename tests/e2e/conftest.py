"""What the hub's tests have, for whole conversations."""

from tests.hub.conftest import password_hash

__all__ = ["password_hash"]
