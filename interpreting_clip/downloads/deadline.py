"""How long a server may take: until the content of its answer begins, and for the content.

The timeouts of HTTP libraries are for each piece that arrives, so a server that sends one byte of a
header, or of a chunk's length, now and then could hold a download for ever.
"""

import math
import os
import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from threading import Condition, Thread
from types import TracebackType
from typing import Any

BEGIN = 120.0
"""The most seconds from a request, with all redirections, to the first byte of its content."""

SLOWEST, SPAN = 1024, 60.0
"""The least bytes per second of content, in each span of so many seconds."""


class AnswerError(Exception):
    """A server's answer is too long, or not what it should be."""


class LateError(AnswerError):
    """A server's answer comes too late, or is too slow to ever end."""


class Deadline:
    """Ends the connections of a request whose answer comes too late or too slowly.

    It does so from a thread, since the one that waits for the answer may be inside of a library.
    That one sees the connection end, which can look like the end of the answer: `require` tells the
    two apart. A context manager; errors inside it become a `LateError` if the deadline was
    missed.
    """

    def __init__(self) -> None:
        self.missed = ""
        self._changed, self._over = Condition(), False
        self._connections: list[socket.socket] = []
        # By when how many more bytes have to come, and whether any have come.
        self._until, self._needed, self._begun = math.inf, 0.0, False

    def __enter__(self) -> "Deadline":
        """Start the thread."""
        Thread(target=self._watch, name="deadline", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        """End the thread, and say that the deadline was missed if that is why something failed."""
        self.pause()
        with self._changed:
            self._over = True
            self._changed.notify()
        if self.missed and isinstance(error, Exception) and not isinstance(error, LateError):
            raise LateError(self.missed) from error

    def begin(self, began: float | None = None) -> float:
        """Start the time of a new request, or continue that of one that is redirected.

        Returns
        -------
        when the request began, on the clock `time.monotonic`
        """
        self.pause()
        with self._changed:
            began = time.monotonic() if began is None else began
            self._until, self._needed = began + BEGIN, 1.0
            self._changed.notify()
            return began

    def pause(self) -> None:
        """Stop the time, since no request is running."""
        with self._changed:
            self._until, self._begun = math.inf, False
            for connection in self._connections:
                connection.close()
            self._connections.clear()

    def add(self, connection: socket.socket) -> None:
        """End this connection if the deadline is missed.

        What is kept is a duplicate: TLS takes the original apart.
        """
        own = socket.socket(fileno=os.dup(connection.fileno()))
        with self._changed:
            self._connections.append(own)
            if self.missed:
                self._end()

    def count(self, size: int) -> None:
        """Count bytes of content that have arrived."""
        with self._changed:
            if not self._begun:
                self._begun = True
                self._next_span()
                self._changed.notify()
            self._needed -= size

    def require(self) -> None:
        """Refuse to wait any longer if the deadline was missed.

        Raises
        ------
        LateError
            No content has come in time, or too little.
        """
        with self._changed:
            self._miss_if_late()
        if self.missed:
            raise LateError(self.missed)

    def trace(self, event: str, info: dict[str, Any]) -> None:
        """Follow a request of httpx, which calls this as the extension `trace`.

        Raises
        ------
        LateError
            An operation failed because the deadline was missed.
        """
        if event.endswith("connect_tcp.complete"):
            self.add(info["return_value"].get_extra_info("socket"))
        elif event.endswith(".failed") and isinstance(info["exception"], Exception):
            self.require()  # not for GeneratorExit: an answer was closed before its end

    def _next_span(self) -> None:
        self._until, self._needed = time.monotonic() + SPAN, SLOWEST * SPAN

    def _miss_if_late(self) -> None:
        if self.missed or time.monotonic() < self._until:
            return
        if self._begun and self._needed <= 0:
            self._next_span()
            return
        came = f"only {SLOWEST * SPAN - self._needed:,.0f} bytes" if self._begun else "no content"
        self.missed = f"{came} came in {SPAN if self._begun else BEGIN:g} seconds"
        self._end()

    def _end(self) -> None:
        for connection in self._connections:
            with suppress(OSError):  # the server has ended it
                connection.shutdown(socket.SHUT_RDWR)

    def _watch(self) -> None:
        with self._changed:
            while not self._over and not self.missed:
                left = self._until - time.monotonic()
                self._changed.wait(None if left == math.inf else max(left, 0.0))
                self._miss_if_late()


def bounded(blocks: Iterable[bytes], most: int, deadline: Deadline) -> Iterator[bytes]:
    """Pass on the blocks of an answer as long as it is within `most` bytes and in time.

    Raises
    ------
    AnswerError
        It is longer than `most`.
    LateError
        It misses the deadline.
    """
    total = 0
    for block in blocks:
        total += len(block)
        deadline.count(len(block))
        if total > most:
            raise AnswerError(f"expected at most {max(most, 0):,} bytes, got more")
        deadline.require()
        yield block
    deadline.require()
