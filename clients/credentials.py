"""How a client proves who it is, first and at each return."""

from collections.abc import Awaitable, Callable

from msgspec.structs import replace

from bridge.wire.sign_in import Register, SignIn
from bridge.wire.values import Network

GetToken = Callable[[], Awaitable[str]]


class Credentials:
    """What the next sign-in carries; a device's token replaces the password as soon as there is one.

    Attributes:
        token: The device's token, once known. Keep it secret.
    """

    def __init__(
        self,
        *,
        token: str | None = None,
        get_token: GetToken | None = None,
        password: SignIn | None = None,
        register: Register | None = None,
    ) -> None:
        """Start with a token, a function that gets one, a password sign-in, or a registration.

        Raises:
            ValueError: If there is not exactly one of them.
        """
        if sum(given is not None for given in (token, get_token, password, register)) != 1:
            raise ValueError(
                "Give a token, get_token, or network, handle and password; and only one of them."
            )
        self.token = token
        self._get_token = get_token
        self._password = password
        self._register = register

    async def opening(self, cursors: tuple[str, ...]) -> SignIn | Register:
        """Make the first call of a connection."""
        if self.token is None and self._get_token is not None:
            self.token = await self._get_token()
        if self.token is not None:
            return SignIn(token=self.token, cursors=cursors)
        if self._password is not None:
            return replace(self._password, cursors=cursors)
        assert self._register is not None
        return self._register

    def taken(self, token: str | None) -> None:
        """Keep the token that a sign-in made."""
        if token is not None:
            self.token = token

    def refused(self) -> bool:
        """Forget what is not good (any longer); say whether there is another way."""
        had, self.token = self.token, None
        if had is None and self._register is not None and self._password is not None:
            self._password = None  # the registration had not been done after all
            return True
        return had is not None and self._get_token is not None

    def unanswered(self) -> None:
        """Prepare for a registration whose answer was lost: it may have been done, so sign in next time."""
        if self._register is not None:
            lost = self._register
            self._password = password_of(lost.network, lost.handle, lost.password, lost.device)


def password_of(network: Network | str, handle: str, password: str, device: str) -> SignIn:
    """Make a sign-in by password, without cursors yet."""
    return SignIn(network=Network(network), handle=handle, password=password, device=device)
