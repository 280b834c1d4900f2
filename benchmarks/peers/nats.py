"""A lean NATS client: a JetStream acknowledges what it has stored; listeners hear it over core NATS."""

import re

from benchmarks.peers.talker import Talker

_LINE = re.compile(rb"([^\r\n]*)\r\n")
STREAM = "LOAD"


class NatsTalker(Talker):
    """One NATS client; see ``Talker``. The stream's answer to a publish is the acknowledgement."""

    _buffer = b""

    def greet(self) -> None:
        """Subscribe, and make the stream if nobody has."""
        make = f'{{"name":"{STREAM}","subjects":["to.>"],"storage":"file","retention":"limits"}}'.encode()
        api = f"$JS.API.STREAM.CREATE.{STREAM}"
        self.write(
            b'CONNECT {"verbose":false,"pedantic":false}\r\n'
            + f"SUB to.{self.name} 1\r\nSUB ack.{self.name}.* 2\r\nSUB made.{self.name} 3\r\n".encode()
            + f"PUB {api} made.{self.name} {len(make)}\r\n".encode()
            + make
            + b"\r\n"
        )

    def frame(self, number: int, text: str) -> bytes:
        """Publish; the answer comes to a subject that ends with the number."""
        body = text.encode()
        return f"PUB to.{self.partner} ack.{self.name}.{number} {len(body)}\r\n".encode() + body + b"\r\n"

    def data_received(self, data: bytes) -> None:
        """Cut what came into lines and payloads."""
        buffer = self._buffer + data
        at = 0
        while (line := _LINE.match(buffer, at)) is not None:
            words = line[1].split()
            if words and words[0] == b"MSG":
                start, size = line.end(), int(words[-1])
                if len(buffer) < start + size + 2:
                    break
                self._on_message(words[1], words[2], buffer[start : start + size])
                at = start + size + 2
                continue
            if words and words[0] == b"PING":
                self.write(b"PONG\r\n")
            elif words and words[0] == b"-ERR":
                self._count.faults.append(f"{self.name}: {line[1].decode()}")
            at = line.end()
        self._buffer = buffer[at:]

    def _on_message(self, subject: bytes, listener: bytes, payload: bytes) -> None:
        if listener == b"1":
            self.heard(int(payload[:8]))
        elif listener == b"2":
            if b'"error"' in payload:
                self._count.faults.append(f"{self.name}: {payload.decode()}")
            self.acknowledged(int(subject.rpartition(b".")[2]))
        elif not self.ready.done():
            self.ready.set_result(None)
