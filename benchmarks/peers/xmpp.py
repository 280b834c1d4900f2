"""A lean XMPP client: registers, signs in with PLAIN, and counts by XEP-0198 what the server has handled.

The server acknowledges by ``<a h=N/>``: it has taken the N-th stanza over from
the client and handled it, the archive's row included where the server writes that at once.
"""

import re
from base64 import b64encode

from benchmarks.peers.talker import TEXT, Talker

_ACK = re.compile(rb"<a [^>]*?h=['\"](\d+)['\"]")
_BODY = re.compile(rb"<body>(\d{8})" + TEXT.encode()[:8])
_END = re.compile(rb"</message>|<a [^>]*/>|<r [^>]*/>|<r/>")
_STEPS = (
    b"</stream:features>",
    b"id='reg'",
    b"<success",
    b"</stream:features>",
    b"id='bind'",
    b"<enabled",
    b"id='ping'",
)
_DOMAIN = "localhost"
_PASSWORD = "load-password"  # of accounts that live as long as the run


class XmppTalker(Talker):
    """One XMPP client; see ``Talker``."""

    _step = 0
    _buffer = b""
    _first = 0
    _handled = 0
    _received = 0

    def greet(self) -> None:
        """Open the stream, then go on with each answer."""
        self._open()

    def _open(self) -> None:
        self.write(
            f"<stream:stream to='{_DOMAIN}' xmlns='jabber:client' version='1.0'"
            " xmlns:stream='http://etherx.jabber.org/streams'>".encode()
        )

    def frame(self, number: int, text: str) -> bytes:
        """Make a chat message and ask at once for its acknowledgement."""
        return (
            f"<message type='chat' id='m{number}' to='{self.partner}@{_DOMAIN}'><body>{text}</body></message>"
            "<r xmlns='urn:xmpp:sm:3'/>"
        ).encode()

    def data_received(self, data: bytes) -> None:
        """Take in what the server says: first the steps of the set-up, then messages."""
        self._buffer += data
        if not self.ready.done():
            self._set_up()
            return
        at = 0
        for end in _END.finditer(self._buffer):
            self._on_stanza(self._buffer[at : end.end()])
            at = end.end()
        self._buffer = self._buffer[at:]

    def _on_stanza(self, stanza: bytes) -> None:
        if stanza.endswith(b"</message>"):
            self._received += 1
            body = _BODY.search(stanza)
            if body is not None:
                self.heard(int(body[1]))
        elif (ack := _ACK.search(stanza)) is not None:
            handled = int(ack[1]) - self._first
            while self._handled < handled:
                self._handled += 1
                self.acknowledged(self._handled - 1)
        elif b"<r" in stanza:
            self.write(f"<a xmlns='urn:xmpp:sm:3' h='{self._received}'/>".encode())

    def _set_up(self) -> None:
        """Go one step on for each answer that is whole."""
        answer = self._buffer.replace(b'"', b"'")
        if b"type='error'" in answer or b"<failure" in answer or b"</stream:stream>" in answer:
            self.ready.set_exception(ConnectionError(answer.decode()))
        elif _STEPS[self._step] in answer and answer.endswith(b">"):
            self._buffer = b""
            self._step += 1
            self._next()

    def _next(self) -> None:
        match self._step:
            case 1:
                self.write(
                    f"<iq type='set' id='reg' to='{_DOMAIN}'><query xmlns='jabber:iq:register'>"
                    f"<username>{self.name}</username><password>{_PASSWORD}</password></query></iq>".encode()
                )
            case 2:
                proof = b64encode(f"\0{self.name}\0{_PASSWORD}".encode())
                self.write(
                    b"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>%b</auth>" % proof
                )
            case 3:
                self._open()
            case 4:
                self.write(
                    b"<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
                    b"<resource>load</resource></bind></iq>"
                )
            case 5:
                self.write(b"<enable xmlns='urn:xmpp:sm:3'/>")
            case 6:
                self._first = 2  # what follows counts as stanzas too
                self.write(
                    b"<presence/><iq type='get' id='ping' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>"
                )
            case _:
                self.ready.set_result(None)
