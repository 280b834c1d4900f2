"""What the hub's tests have, for whole conversations."""

from tests.hub.conftest import ground, password_hash, pytest_generate_tests

__all__ = ["ground", "password_hash", "pytest_generate_tests"]
