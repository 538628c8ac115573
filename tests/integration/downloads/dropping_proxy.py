"""A TCP proxy on the loopback that breaks connections."""

import socket
import struct
import threading
from collections.abc import Iterable
from contextlib import suppress
from socketserver import BaseRequestHandler, ThreadingTCPServer

RESET = struct.pack("ii", 1, 0)
"""SO_LINGER of a socket that is closed with a reset, whatever was still to be sent."""


class DroppingProxy:
    """Passes connections to `port` on to a server's port, as a context manager.

    Parameters
    ----------
    server_port
        Where the server listens, on the loopback.
    limits
        How many bytes of answers each of the next connections gets before it is reset; None for
        one that lasts, as those do for which no limit is left.

    `dropped` counts the connections that were reset.
    """

    def __init__(self, server_port: int, limits: Iterable[int | None]) -> None:
        self._limits, self._lock, self.dropped = iter(limits), threading.Lock(), 0
        owner = self

        class Handler(BaseRequestHandler):
            def handle(self) -> None:
                with suppress(OSError):
                    owner.pass_on(self.request, server_port)

        ThreadingTCPServer.daemon_threads = True
        self._server = ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self.port = self._server.server_address[1]

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def pass_on(self, client: socket.socket, server_port: int) -> None:
        """Pass bytes both ways until one side ends or the limit is reached."""
        with self._lock:
            left = next(self._limits, None)
        with socket.create_connection(("127.0.0.1", server_port)) as server:
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=copy, args=(client, server), daemon=True).start()
            while part := server.recv(65536 if left is None else min(65536, max(left, 1))):
                if left is not None:
                    left -= len(part)
                    if left < 0:
                        self.dropped += 1
                        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                        client.shutdown(socket.SHUT_RDWR)  # wakes `copy`, which holds the socket
                        return
                client.sendall(part)


def copy(source: socket.socket, target: socket.socket) -> None:
    """Pass bytes on until either side ends."""
    with suppress(OSError):
        while part := source.recv(65536):
            target.sendall(part)
        target.shutdown(socket.SHUT_WR)
