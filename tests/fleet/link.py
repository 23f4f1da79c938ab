"""One simulated agent's connection to the monitor: TLS with its own certificate, HTTP by hand, never waiting."""

from __future__ import annotations

import json
import re
import socket
import ssl

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Answer:
    """What came back: the status and the body."""

    __slots__ = ("body", "status")

    def __init__(self, status: int, body: bytes) -> None:
        self.status, self.body = status, body

    @property
    def voters_version(self) -> int:
        """Of the terms that an acknowledgement carries."""
        return int((json.loads(self.body).get("terms") or {}).get("version", 0))

    @property
    def sentence(self) -> str:
        """Why it was refused."""
        return str(json.loads(self.body).get("sentence", ""))


class Link:
    """``send`` at any time; ``receive`` when the socket is readable. Raises OSError when the connection is gone."""

    __slots__ = ("_inbox", "_outbox", "_ready", "sock")

    def __init__(self, context: ssl.SSLContext, address: tuple[str, int]) -> None:
        raw = socket.socket()
        raw.setblocking(False)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # A connection that does not come about is given up after 3 s; an agent waits a quarter of a beat, here 2.5 s.
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_SYNCNT, 1)
        raw.connect_ex(address)
        self.sock = context.wrap_socket(raw, do_handshake_on_connect=False, server_hostname=address[0])
        self._inbox, self._outbox, self._ready = b"", b"", False

    def send(self, request: bytes) -> None:
        self._outbox += request
        if self._ready:
            self._flush()

    def _flush(self) -> None:
        while self._outbox:
            self._outbox = self._outbox[self.sock.send(self._outbox) :]

    def receive(self) -> Answer | None:
        """The answer, once it is whole; goes on with the handshake first. Reads all there is."""
        try:
            if not self._ready:
                self.sock.do_handshake()
                self._ready = True
            self._flush()
            while True:
                chunk = self.sock.recv(16384)
                if not chunk:
                    raise ConnectionResetError("the monitor closed the connection")
                self._inbox += chunk
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return self._whole()

    def _whole(self) -> Answer | None:
        end = self._inbox.find(b"\r\n\r\n")
        if end < 0:
            return None
        found = _LENGTH.search(self._inbox, 0, end + 2)
        after = end + 4 + (int(found[1]) if found else 0)
        if len(self._inbox) < after:
            return None
        answer = Answer(int(self._inbox[9:12]), self._inbox[end + 4 : after])
        self._inbox = self._inbox[after:]
        return answer

    def close(self) -> None:
        self.sock.close()
