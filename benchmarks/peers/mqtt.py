"""A lean MQTT 3.1.1 client: QoS 1, a session that the server keeps, one topic for each listener."""

from benchmarks.peers.talker import Talker

_CONNECT, _CONNACK, _PUBLISH, _PUBACK, _SUBSCRIBE, _SUBACK = 1, 2, 3, 4, 8, 9


def _text(words: str) -> bytes:
    data = words.encode()
    return len(data).to_bytes(2, "big") + data


def packet(kind: int, flags: int, body: bytes) -> bytes:
    """Put a body behind its fixed header."""
    size, length = len(body), bytearray()
    while True:
        size, low = size >> 7, size & 127
        length.append(low | (0x80 if size else 0))
        if not size:
            return bytes([kind << 4 | flags]) + bytes(length) + body


class MqttTalker(Talker):
    """One MQTT client; see ``Talker``. PUBACK is the acknowledgement."""

    _buffer = b""

    def greet(self) -> None:
        """Ask for a session that is kept (``clean session`` off)."""
        self.write(packet(_CONNECT, 0, _text("MQTT") + bytes([4, 0, 0, 0]) + _text(self.name)))

    def frame(self, number: int, text: str) -> bytes:
        """Publish with QoS 1; the packet's id is the number in 16 bits, without 0."""
        body = _text(f"to/{self.partner}") + (number % 65_535 + 1).to_bytes(2, "big") + text.encode()
        return packet(_PUBLISH, 2, body)

    def data_received(self, data: bytes) -> None:
        """Cut what came into packets."""
        buffer = self._buffer + data
        at, end = 0, len(buffer)
        while at + 2 <= end:
            size, shift, start = 0, 0, at + 1
            while start < end:
                low = buffer[start]
                size |= (low & 127) << shift
                start, shift = start + 1, shift + 7
                if low < 128:
                    break
            else:
                break
            if start + size > end:
                break
            self._on_packet(buffer[at] >> 4, buffer[start : start + size])
            at = start + size
        self._buffer = buffer[at:]

    def _on_packet(self, kind: int, body: bytes) -> None:
        if kind == _PUBACK:
            code = int.from_bytes(body, "big") - 1
            newest = len(self.said) - 1
            self.acknowledged(newest - (newest - code) % 65_535)
        elif kind == _PUBLISH:
            start = 2 + int.from_bytes(body[:2], "big")
            self.write(packet(_PUBACK, 0, body[start : start + 2]))
            self.heard(int(body[start + 2 : start + 10]))
        elif kind == _CONNACK:
            self.write(packet(_SUBSCRIBE, 2, b"\0\1" + _text(f"to/{self.name}") + b"\1"))
        elif kind == _SUBACK:
            self.ready.set_result(None)
