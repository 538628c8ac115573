"""Which places can be reached from here, and how much there is to download."""

import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from stages.planning.amounts import UNKNOWN, Amount
from stages.planning.locations import Folder, Location, Repository, Url
from stages.storage.machine import Machine

THREADS = 16


@dataclass(frozen=True)
class Reach:
    """What was found of a place: why it cannot be reached or None, and its bytes.

    `asked` is false where nobody has looked. `commit` is what a branch or tag stands for today.
    """

    problem: str | None
    download: Amount
    asked: bool = True
    commit: str | None = None


def probe(
    locations: Iterable[Location], machine: Machine, *, offline: bool
) -> dict[Location, Reach]:
    """Ask every place once, many at a time; `offline` looks at this machine's folders alone."""
    places = list(dict.fromkeys(locations))
    with ThreadPoolExecutor(THREADS) as pool:
        found = pool.map(lambda place: reach(place, machine, offline=offline), places)
        return dict(zip(places, found, strict=True))


def reach(place: Location, machine: Machine, *, offline: bool) -> Reach:
    """Ask one place; nothing is downloaded."""
    from stages.transfer.reach import folder_problem, url_problem

    if isinstance(place, Folder):
        return Reach(folder_problem(place.path, machine.folders), Amount(0))
    if offline:
        return Reach(None, UNKNOWN, asked=False)
    if isinstance(place, Url):
        problem, size = url_problem(place.address, machine.mirror)
        return Reach(problem, known(size))
    return reach_repository(place)


def reach_repository(place: Repository) -> Reach:
    """Ask the hub for the files of the first pattern with a match."""
    from stages.transfer.reach import repository_problem

    found = []
    for pattern in place.patterns:
        problem, size = repository_problem(place.name, place.revision, pattern, place.kind)
        if problem is None:
            return Reach(None, known(size), commit=commit_to_pin(place, pattern))
        found.append(Reach(problem, known(size)))
    return found[0]


def known(size: int | None) -> Amount:
    """Return the bytes that somebody has told, or has not."""
    return UNKNOWN if size is None else Amount(size)


def commit_to_pin(place: Repository, pattern: str) -> str | None:
    """Return the commit that a branch or tag stands for today; None where a commit is given."""
    from stages.transfer.hub import repository_files

    if re.fullmatch(r"[0-9a-f]{40}", place.revision):
        return None
    return repository_files(place.name, place.revision, pattern, place.kind)[0].commit
