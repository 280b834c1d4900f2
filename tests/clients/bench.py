"""A hub, a clock and the pipes between them and a client."""

from pathlib import Path

from bridge.wire.codec import CODECS
from clients import (
    CannotConnect,
    Client,
    Options,
)
from tests.clients.fake_hub import FakeHub
from tests.clients.fake_sockets import Pipe
from tests.clients.fake_time import FakeClock


class Bench:
    """A hub, a clock and the pipes between them and one client."""

    def __init__(self) -> None:
        self.hub = FakeHub()
        self.clock = FakeClock()
        self.pipes: list[Pipe] = []
        self.unreachable: list[CannotConnect] = []
        self.clients: list[Client] = []
        self.deaf = 0  # so many of the next connections answer nothing

    def client(
        self,
        options: Options | None = None,
        token: str = "token-ana",
        codec: str = "json",
        outbox: Path | None = None,
    ) -> Client:
        async def dial() -> Pipe:
            if self.unreachable:
                raise self.unreachable.pop(0)
            self.pipes.append(Pipe(self.hub, CODECS[f"isthmus.v1.{codec}"]))
            if self.deaf:
                self.deaf -= 1
                self.pipes[-1].wire.receive = lambda data: None  # type: ignore[method-assign]
            return self.pipes[-1]

        client = Client(
            "ws://hub", token=token, codec=codec, dial=dial, clock=self.clock, chance=lambda: 0.5,
            outbox=outbox, options=options or Options(acknowledge=False),
        )  # fmt: skip
        self.clients.append(client)
        return client

    async def connected(self, options: Options | None = None, codec: str = "json") -> Client:
        client = self.client(options, codec=codec)
        await client.connect()
        return client

    def cannot(self) -> CannotConnect:
        """Make the error of a hub that is away."""
        return CannotConnect()

    def cut(self, code: int = 1006) -> None:
        self.pipes[-1].cut(code)
