"""All calls: what may stand in a client's frame."""

from bridge.wire.commands import Command
from bridge.wire.queries import Query
from bridge.wire.sign_in import SessionCall

AnyCall = SessionCall | Command | Query
