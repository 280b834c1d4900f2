"""Proving who one is: passwords (argon2id, one bounded worker) and opaque device tokens (hashed at rest)."""

import asyncio
import secrets
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import ARGON2_VERSION

from bridge.domain.model import Device
from bridge.errors import Busy
from bridge.ids import AccountId, DeviceId

T = TypeVar("T")

_TOKEN_BYTES = 32


class Passwords:
    """Hashes and verifies passwords without stalling the loop or the machine.

    Parameters are OWASP's second choice for argon2id (19 MiB, 2 passes, 1 lane): about
    50 ms of one core. The library's defaults take eight times that, and a storm
    of sign-ins would stall everything else.
    """

    def __init__(self, most_waiting: int) -> None:
        """Start the worker; ``close`` ends it."""
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="passwords")
        self._most = most_waiting
        self._waiting = 0
        self._nobody = _hash_of_nothing(self._hasher)

    async def hash(self, password: str) -> str:
        """Hash a new password.

        Raises:
            Busy: If too many wait for the worker.
        """
        return await self._run(lambda: self._hasher.hash(password))

    async def verify(self, stored: str, password: str) -> bool:
        """Check a password; one that nobody has takes as long as a wrong one.

        Raises:
            Busy: If too many wait for the worker.
        """
        return await self._run(lambda: self._is_right(stored, password))

    def _is_right(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored or self._nobody, password) and bool(stored)
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, work: Callable[[], T]) -> T:
        if self._waiting >= self._most:
            raise Busy("Too many sign-ins wait; try again in a moment.", retry_after_s=2.0)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._worker, work)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """End the worker."""
        self._worker.shutdown(wait=True, cancel_futures=True)


def _hash_of_nothing(hasher: PasswordHasher) -> str:
    """Make up a hash that takes as long to check as any other, and that no password has."""
    salt, digest = (
        b64encode(secrets.token_bytes(size)).decode().rstrip("=")
        for size in (hasher.salt_len, hasher.hash_len)
    )
    costs = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    return f"$argon2id$v={ARGON2_VERSION}${costs}${salt}${digest}"


def token_hash(token: str) -> bytes:
    """Give the form in which a token is kept; the token itself is nowhere on the hub."""
    return sha256(token.encode()).digest()


def new_device(account: AccountId, name: str, now: int) -> tuple[Device, str]:
    """Make a device and its token, which only its owner will know."""
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    device = Device(
        id=DeviceId("d" + secrets.token_hex(8)),
        account=account,
        name=name,
        token=token_hash(token),
        created_at=now,
        seen_at=now,
    )
    return device, token
