"""How a person gets in: by what is given, kept or asked for; and where unsent messages wait meanwhile."""

from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from bridge.errors import SignInFailed
from bridge.wire.values import Network
from clients.client import Client
from clients.errors import ClientError, OutboxBroken, OutboxInUse, OutboxOfAnother
from clients.listeners import EventStream
from clients.notices import Disconnected
from clients.options import Options
from clients.terminal import words
from clients.terminal.cleaning import clean_line
from clients.terminal.screen import Dialog, Lines, Screen
from clients.terminal.tokens import TokenFile

TRIES: Final = 3
"""So often a person at a terminal may type a password."""

LONGEST_SECRET: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    """Who wants to chat; what is missing is asked for.

    Attributes:
        token: A device's token, if the person has one.
        password: The account's password, likewise.
        network: Where the account lives.
        handle: Its handle.
        keep: The folder for what is kept until next time: tokens, unsent messages; ``None`` keeps nothing.
        outbox: Where to keep unsent messages, if not in that folder.
    """

    token: str | None = None
    password: str | None = None
    network: Network | None = None
    handle: str | None = None
    keep: Path | None = None
    outbox: Path | None = None


@dataclass(frozen=True, slots=True)
class Entered:
    """Somebody is in.

    Attributes:
        client: Signed in.
        stream: All that happens, from before the first event.
        keeps: Whether unsent messages are kept when the client ends.
        fleeting: Whether the token of this sign-in is kept nowhere: nobody can use it afterwards.
    """

    client: Client
    stream: EventStream
    keeps: bool
    fleeting: bool = False


def secret_in(file: Path) -> str:
    """Read a password or a token.

    Raises:
        SignInFailed: If there is none.
    """
    try:
        with file.open(encoding="utf-8") as opened:
            secret = opened.read(LONGEST_SECRET).rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as wrong:
        raise SignInFailed(f"{file} cannot be read: {wrong}") from wrong
    if not secret:
        raise SignInFailed(f"There is nothing in {file}.")
    return secret


class Entrance(Dialog):
    """Gets one person in."""

    def __init__(
        self, url: str, who: Who, screen: Screen, lines: Lines, *, codec: str, options: Options
    ) -> None:
        """Prepare to sign in at ``url``."""
        super().__init__(screen, lines)
        self._url, self._who = url, who
        self._common: dict[str, Any] = {"device": "isthmus chat", "codec": codec, "options": options}
        self._tokens = None if who.keep is None else TokenFile(who.keep / "tokens.json")

    async def enter(self) -> Entered:
        """Sign in with a token that is given or kept, else by password.

        Raises:
            SignInFailed: If the sign-in was not accepted.
            BridgeError: If there is no hub, or the chosen outbox cannot be used.
        """
        who = self._who
        if who.token is not None:
            try:
                account = await self._account_of(who.token)
                return await self._connected(account, token=who.token)
            except SignInFailed as refused:
                raise SignInFailed(f"{refused.text} Is the token still good, and of this hub?") from refused
        network = who.network or await self._network()
        handle = (who.handle or await self.ask("Your name there:")).removeprefix("@")
        if not handle:
            raise SignInFailed("Nobody is named, so nobody is signed in.")
        account = f"{network} {handle}"
        kept = self._tokens.find(self._url, account) if self._tokens else None
        if kept is not None and self._tokens is not None:
            try:
                return await self._connected(account, token=kept)
            except SignInFailed:
                self.say("What was kept of your last sign-in is no longer good; please sign in again.")
                with suppress(OSError):  # what cannot be forgotten is refused again next time
                    self._tokens.forget(self._url, account)
        return await self._by_password(network, handle)

    async def _account_of(self, token: str) -> str:
        """Learn whose token it is: what is unsent is kept with the account, whatever its next token is.

        Raises:
            SignInFailed: If the token is not good.
        """
        who = self._who
        if who.network and who.handle:
            return f"{who.network} {who.handle.removeprefix('@')}"
        if self._place_of("") is None or who.outbox is not None:
            return ""  # nothing is kept by account
        entered = await self._with_outbox(None, {"token": token})
        own = next(iter(entered.client.accounts.values()))
        await entered.client.close()
        return f"{own.network} {own.handle}"

    async def _by_password(self, network: Network, handle: str) -> Entered:
        account = f"{network} {handle}"
        may_ask = TRIES if self.lines.is_terminal and self._who.password is None else 1
        while True:
            password = self._who.password or await self.ask_hidden(
                f"Password of {handle} on {words.network(network)} (not shown):"
            )
            if not password:
                raise SignInFailed("No password is given, so nobody is signed in.")
            try:
                entered = await self._connected(account, network=network, handle=handle, password=password)
            except SignInFailed as refused:
                may_ask -= 1
                hint = f"{refused.text} Check the network, the name and the password."
                if not may_ask:
                    raise SignInFailed(hint) from refused
                self.say(clean_line(hint))
            else:
                return replace(entered, fleeting=not self._keep_token(account, entered.client.token))

    def _keep_token(self, account: str, token: str | None) -> bool:
        if self._tokens is None or token is None:
            return False
        try:
            self._tokens.keep(self._url, account, token)
        except OSError as wrong:
            self.say(f"The password will be asked for next time too: {clean_line(str(wrong))}")
            return False
        return True

    async def _network(self) -> Network:
        """Ask until a network is named.

        Raises:
            SignInFailed: If nothing is said.
        """
        while said := (await self.ask("Network (direct or messenger):")).lower():
            if said in list(Network):
                return Network(said)
        raise SignInFailed("No network is named, so nobody is signed in.")

    async def _connected(self, account: str, **proof: Any) -> Entered:
        """Connect with the account's outbox; without one, and saying so, if it cannot be used."""
        chosen, place = self._who.outbox, self._place_of(account)
        if place is None:
            return await self._with_outbox(None, proof)
        try:
            if self._who.keep is not None:
                self._who.keep.mkdir(mode=0o700, parents=True, exist_ok=True)
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            return await self._with_outbox(place, proof)
        except OutboxInUse:
            if chosen is not None:
                raise
            why = "another chat of yours is open, which keeps its own."
        except OutboxOfAnother:
            if chosen is not None:
                raise
            why = f"{place} holds unsent messages of another account, which bore this name before."
        except (OutboxBroken, OSError) as wrong:
            why = f"{place}: {wrong.text if isinstance(wrong, OutboxBroken) else wrong.strerror or wrong}"
            if chosen is not None:
                raise OutboxBroken(why) from wrong
        self.say(f"What is unsent when you leave will be lost: {clean_line(why)}")
        return await self._with_outbox(None, proof)

    def _place_of(self, account: str) -> Path | None:
        """Name the outbox of an account on this hub; a name tells nothing of either."""
        if self._who.outbox is not None or self._who.keep is None:
            return self._who.outbox
        return self._who.keep / "outbox" / sha256(f"{self._url} {account}".encode()).hexdigest()[:32]

    async def _with_outbox(self, place: Path | None, proof: dict[str, Any]) -> Entered:
        client = Client(self._url, outbox=place, **proof, **self._common)
        stream = client.events()  # from before the first event
        is_told = False

        @client.on(Disconnected)
        def tell_once(gone: Disconnected) -> None:
            nonlocal is_told
            if not is_told:
                is_told = True
                self.say(_waiting(self._url, gone))

        try:
            await client.connect()
        except OutboxOfAnother:
            if "password" in proof:  # the device that this made is nobody's
                async with Client(self._url, token=client.token, **self._common) as once_more:
                    await once_more.sign_out()
            raise
        is_told = True  # the listener tells what follows
        return Entered(client, stream, keeps=place is not None)


def _waiting(url: str, gone: Disconnected) -> str:
    """Say why there is no connection yet: nobody answers, or a hub does and asks for patience."""
    if isinstance(gone.error, ClientError):
        return f"{clean_line(url)} does not answer yet; it is tried for half a minute. Does a hub run there?"
    return f"{clean_line(gone.error.text)} It is tried again in {gone.retry_in_s:.0f} seconds."
