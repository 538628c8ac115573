"""One thread of BLAS for measures that multiply many small matrices."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Any


@dataclass
class _Limit:
    """The limit that measures share, since it is the process's, however many run in threads.

    If each restored the limit that it found, the last one might restore another one's.
    """

    lock: Any = field(default_factory=Lock)
    measures: int = 0
    before: Any = None


_LIMIT = _Limit()


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Limit BLAS to one thread, and restore the caller's limit afterwards, also after an error.

    By default BLAS divides every product among all cores and waits for the slowest. Where products
    are small and the machine has other work to do, nearly all of the time is spent waiting: with
    both of two cores busy, `directions` of 500 images takes 3.2 seconds in place of 0.6. For large
    products, such as those of `mutual_neighbours`, more threads are faster. The limit is that of
    the process, and holds for all threads of Python.
    """
    from threadpoolctl import threadpool_limits  # only measures that multiply need it

    with _LIMIT.lock:
        if not _LIMIT.measures:
            _LIMIT.before = threadpool_limits(1, user_api="blas")
        _LIMIT.measures += 1
    try:
        yield
    finally:
        with _LIMIT.lock:
            _LIMIT.measures -= 1
            if not _LIMIT.measures:
                _LIMIT.before.restore_original_limits()
