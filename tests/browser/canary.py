"""A server that notes every sign of life: a connection, a request, a datagram."""

from __future__ import annotations

import socket
import threading
from types import TracebackType
from typing import Self


class Canary:
    """Listens on one loopback port, TCP and UDP.

    Attributes:
        seen: The first bytes of each caller.
        url: An ordinary page without any policy.  (A `data:` page can inherit one: in WebKit it
            has that of the page before it.)
    """

    def __init__(self) -> None:
        self.seen: list[bytes] = []
        self._tcp = socket.create_server(("127.0.0.1", 0))
        self.port = self._tcp.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/"
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(("127.0.0.1", self.port))
        self._threads = [
            threading.Thread(target=loop, daemon=True) for loop in (self._accept, self._receive)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for each in (self._tcp, self._udp):
            # Closing alone does not wake a thread that waits in accept.
            with socket.socket(type=each.type) as waker:
                waker.connect(("127.0.0.1", self.port))
                if each is self._udp:
                    waker.send(b"stop")
        for thread in self._threads:
            thread.join(5)
        self._tcp.close()
        self._udp.close()

    def _accept(self) -> None:
        while True:
            connection, _ = self._tcp.accept()
            with connection:
                connection.settimeout(0.5)
                try:
                    data = connection.recv(200)
                except TimeoutError:
                    data = b"a silent connection"
                if not data:
                    return
                self.seen.append(data)
                connection.sendall(
                    b"HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\n"
                    b"Content-Type: text/javascript\r\nContent-Length: 0\r\n\r\n"
                )

    def _receive(self) -> None:
        while (data := self._udp.recv(2000)) != b"stop":
            self.seen.append(data)
