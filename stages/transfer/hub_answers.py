"""What the hub's client complains about, in words that say what to do."""

import os
import time
from collections.abc import Callable
from typing import Any, Literal, NamedTuple, TypeVar, cast

from stages.storage.errors import InputError
from stages.transfer import receive
from stages.transfer.refusals import TRANSIENT, reason

Kind = Literal["dataset", "model"]
Answer = TypeVar("Answer")

WORDS = {
    "RevisionNotFoundError": "there is no revision {revision!r}; check `revision` in params.yaml",
    "RemoteEntryNotFoundError": "there is no such file at this revision; check its name",
    "OfflineModeIsEnabled": "the hub's client is told to stay offline; unset HF_HUB_OFFLINE",
    "RepositoryNotFoundError": (
        "there is no such {kind} repository, or it is private; check `repository` in params.yaml, "
        "or give the token of an account that may read it in the environment variable HF_TOKEN"
    ),
}


class Place(NamedTuple):
    """A repository of the hub at a revision, or a file in it."""

    repository: str
    revision: str
    kind: Kind
    file: str | None = None

    def __str__(self) -> str:
        """Return how a message names it."""
        return f"{self.repository}@{self.revision}" + (f": {self.file}" if self.file else "")

    @property
    def page(self) -> str:
        """The address where a person reads about the repository and accepts its licence."""
        prefix = "datasets/" if self.kind == "dataset" else ""
        return f"{endpoint()}/{prefix}{self.repository}"


def endpoint() -> str:
    """Return the address of the hub, as the environment has it now; the client asks only once."""
    from huggingface_hub import constants

    return (os.environ.get("HF_ENDPOINT") or constants.ENDPOINT).rstrip("/")


def ask(place: Place, question: Callable[[], Answer], attempts: int) -> Answer:
    """Put a question to the hub, again where it is busy or the connection breaks.

    Raises
    ------
    InputError
        The hub refuses or cannot be reached; says what to do.
    """
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    # The base of all errors of the HTTP library that the client uses, which it has changed twice.
    network = cast("type[Exception]", HfHubHTTPError.__bases__[0])
    for attempt in range(attempts):
        try:
            return question()
        except (network, OfflineModeIsEnabled) as error:
            if attempt + 1 == attempts or not is_passing(error):
                raise InputError(f"{place}: {explain(error, place)}") from error
            time.sleep(receive.PAUSE * 2**attempt)
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"{place}: what {endpoint()} answered is not what a hub answers ({error}); check "
                "the environment variable HF_ENDPOINT, and `repository` in params.yaml"
            ) from error
    raise ValueError(f"expected at least one attempt, got {attempts}")


def is_passing(error: BaseException) -> bool:
    """Say whether the same question may be answered a moment later."""
    status = status_of(error)
    return status in TRANSIENT if status else type(error).__name__ != "OfflineModeIsEnabled"


def explain(error: BaseException, place: Place) -> str:
    """Say what an error of the client means and what to do about it."""
    status, name = status_of(error), type(error).__name__
    if name == "GatedRepoError":
        return gated(status, place)
    if name in WORDS:
        return WORDS[name].format(**place._asdict())
    if status == 401:
        return "the token is not valid; give another in the environment variable HF_TOKEN"
    if status == 403:
        return f"access is refused to this token; look at {place.page}, or change HF_TOKEN"
    if status is not None:
        return f"{reason(status)}; run again later"
    return (
        f"no connection to {endpoint()} ({name}); check the network, or name a mirror of the hub "
        "in the environment variable HF_ENDPOINT"
    )


def gated(status: int | None, place: Place) -> str:
    """Say how to be let into a gated repository."""
    if status == 401:
        return (
            f"gated, and no valid token was given; accept its licence at {place.page}, then give a "
            "token of that account in the environment variable HF_TOKEN"
        )
    return (
        "gated, and the account of the token in HF_TOKEN has not been let in; accept the licence "
        f"at {place.page} with that account"
    )


def status_of(error: Any) -> int | None:
    """Return the status of the answer that an error is about, None where none came."""
    response = getattr(error, "response", None)
    return None if response is None else response.status_code
