"""Secrets in random places of what a user gives a stage, and all that is said about them."""

import os
import random
import re
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml
from huggingface_hub import close_session

from interpreting_clip.config.params import convert
from interpreting_clip.config.weight_sources import WeightsEntry
from interpreting_clip.downloads.http import download
from interpreting_clip.downloads.hub import open_repository
from interpreting_clip.urls import AT
from runner.launcher import SETTINGS, launcher
from runner.machine_settings import PREFIX, Machine, read_machine
from runner.process import explanation
from tools.reachable import AskedSource, ask

MARK = "canary"
"""What every part of a secret has; nothing that is said may have it."""

ODD = [*"@#?/\\:;%[]&=+!*$'\"{}<>|^`~,.-_ \t", "%40", "%", "//", "://", "@@", ": ", " #", "\u00e9"]
ODD += ["\uff20", "\ufe6b", "\uff03", "\uff0f", "\uff1a", "\uff1f", "\u2100", "\u2028", "\ud800"]
"""What may stand between the parts of a secret: characters that end a part of a URL, a token of
YAML or netrc, or that Unicode's normal form turns into one of these, and half of a character."""

ADDRESSES = (
    "{scheme}{login}@{host}/all",
    "{scheme}{login}@{host}",
    " {scheme}{login}@{host}",
    "{scheme}{login}@{host}:99999/a",
    "{scheme}[{login}]@{host}",
    "{scheme}{login}\N{FULLWIDTH COMMERCIAL AT}{host}",
    "{scheme}{login}",
    "{scheme}{login}/{host}",
    "{scheme}{host}:{login}",
    "{scheme}{host}/a?token={login}",
    "{scheme}{host}/a#{login}",
    "{login}@{host}/a",
    "{login}",
)
WITH_LOGIN = ADDRESSES[:3]
WITHOUT_HOST = ("{scheme}{login}", "{scheme}{login}/{host}", "{scheme}{host}:{login}")

SCHEMES = ("http://", "https://", "HTTP://", "http:/", "ftp://", "", "//")

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")


class Case(NamedTuple):
    """A text with a secret, and where it stands."""

    place: str
    text: str


def draw(rng: random.Random) -> Case:
    """Return a secret of two to four parts in an address, a bare word or a line of a file."""
    parts = [f"{MARK}{rng.randrange(10)}" for _ in range(rng.randrange(2, 5))]
    login = "".join(part + rng.choice(ODD) for part in parts[:-1]) + parts[-1]
    place, address, scheme = rng.choice([*PLACES]), rng.choice(ADDRESSES), rng.choice(SCHEMES)
    if rng.random() < 0.5 or "unquoted" in place:  # YAML may cut it, and a name alone is a host's
        login = f"me:{login}"
    if is_folder(place):  # any text without a scheme and a login is a legal name
        address, scheme = rng.choice(WITH_LOGIN), rng.choice(("http://", "https://", "http:/"))
    if address in WITHOUT_HOST:  # what follows an `@`, or a name alone, is a host's legal name
        login = f"me:{re.sub(f'[{AT}]', '-', login).removeprefix('me:')}"
    return Case(place, address.format(scheme=scheme, login=login, host="127.0.0.1:9"))


def is_folder(place: str) -> bool:
    """Say whether a place is for the name of a folder, which errors show."""
    return "downloads" in place.lower() or "folders" in place.lower()


def in_environment(name: str) -> Callable[[str, pytest.MonkeyPatch], None]:
    def give(text: str, patch: pytest.MonkeyPatch) -> None:
        patch.setenv(name, text)

    return give


def in_settings(name: str, *, raw: bool = False) -> Callable[[str, pytest.MonkeyPatch], None]:
    """Return what writes compute.yaml: quoted where YAML needs it, or as a user may forget to."""

    def give(text: str, _: pytest.MonkeyPatch) -> None:
        line = f"{name}: {text}\n" if raw else yaml.safe_dump({name: text}, allow_unicode=True)
        content = f"batch_size: 2\n{line}launchers: {{}}\n"
        SETTINGS.write_bytes(content.encode("utf-8", "surrogatepass"))

    return give


def in_netrc(text: str, patch: pytest.MonkeyPatch) -> None:
    content = f"machine 127.0.0.1\n  login me\n  password {text}\n"
    Path("netrc").write_bytes(content.encode("utf-8", "surrogatepass"))
    patch.setenv("NETRC", "netrc")


def in_study(text: str, _: pytest.MonkeyPatch) -> None:
    entry = {"source": "checkpoint", "backbone": "rn", "sha256": 64 * "0", "url": text}
    convert(entry, WeightsEntry, "weights.mine")


PLACES: dict[str, Callable[[str, pytest.MonkeyPatch], None]] = {
    **{f"${name}": in_environment(name) for name in (*PROXIES, "HF_ENDPOINT", "HF_TOKEN")},
    **{
        f"${PREFIX}{name}": in_environment(PREFIX + name)
        for name in ("MIRROR", "DOWNLOADS", "FOLDERS")
    },
    **{f"{name} in {SETTINGS}": in_settings(name) for name in ("mirror", "downloads", "folders")},
    "mirror unquoted": in_settings("mirror", raw=True),
    "downloads unquoted": in_settings("downloads", raw=True),
    "netrc": in_netrc,
    "url in a study": in_study,
}


@contextmanager
def only_this_machine(folder: Path) -> Iterator[pytest.MonkeyPatch]:
    """Work in a folder, without settings or waits, and find no host but this one."""
    plain = socket.getaddrinfo

    def found(host, *args, **named):
        if host not in ("127.0.0.1", b"127.0.0.1"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return plain(host, *args, **named)

    close_session()  # the hub's client keeps the proxies of the environment that it began in
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr("socket.getaddrinfo", found)
        patch.setattr("time.sleep", lambda seconds: None)
        for name in os.environ:
            if name.lower().endswith("_proxy") or name.startswith((PREFIX, "HF_", "NETRC")):
                patch.delenv(name)
        patch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
        yield patch
    close_session()


def what_is_said(case: Case, folder: Path) -> list[str]:
    """Return what a stage would print of each thing that it tries with a secret in its place."""
    folder.mkdir(exist_ok=True)
    said = []
    with only_this_machine(folder) as patch:

        def attempt(act: Callable[[], object]) -> None:
            try:
                act()
            except Exception as error:  # a defect of the program shows its text too
                said.append(explanation(error, "python -m stages fetch"))

        def give() -> None:
            # no variable can hold these
            if case.place[0] != "$" or not {"\0", "\ud800"} & {*case.text}:
                PLACES[case.place](case.text, patch)

        url, machine = "http://127.0.0.1:9/sets/a.tar", Machine()
        attempt(give)
        attempt(lambda: launcher("fetch"))
        attempt(read_machine)
        if case.place != "url in a study":
            try:
                machine = read_machine()
            except Exception:  # said above
                machine = Machine(downloads=".")
        downloads = Path(machine.downloads)
        attempt(lambda: download(url, 64 * "0", downloads, mirror=machine.mirror))
        attempt(lambda: open_repository("some/set", "main", attempts=1))
        attempt(
            lambda: said.append(str(ask(AskedSource("url", url), machine, offline=False).problem))
        )
        if case.place in (f"${PREFIX}MIRROR", "$HTTPS_PROXY", "url in a study"):
            attempt(lambda: download(case.text, 64 * "0", downloads))
        for file in (SETTINGS, Path("netrc")):
            file.unlink(missing_ok=True)
    return said


def require_silence(
    seed: int,
    count: int,
    folder: Path,
    printed: Callable[[], Iterable[str]],
) -> int:
    """Require that no part of a secret is in any line; return the number of lines.

    `printed` returns what has been printed, logged and warned of.
    """
    rng, lines = random.Random(seed), 0
    for number in range(count):
        case = draw(rng)
        said = what_is_said(case, folder)
        found = [text for text in (*said, *printed()) if MARK in text]
        assert found == [], (number, case)
        assert not any("\n" in line or "regex" in line for line in said), (number, case, said)
        lines += len(said)
    return lines
