"""What a URL must not show: the login or the signature that opens what lies there."""

import re
from urllib.parse import parse_qsl, urlsplit

LOGIN = re.compile(r"(?<=://)[^/?#\s]*@")
"""A user's name and password in a URL."""

SECRET = re.compile(
    r"token|secret|passw|signature|credential|api.?key|access.?key|auth|^sig$", re.I
)
"""Names of the parts of a query that open what is closed, such as X-Amz-Signature."""


def without_login(text: str) -> str:
    """Return a text whose URLs have no user and no password."""
    return LOGIN.sub("", text)


def require_public(url: str) -> None:
    """Refuse a URL with a secret in it; what is in params.yaml is in git, and in every card.

    Raises
    ------
    ValueError
        It has a login, or a query that is signed; the secret is not named.
    """
    names = [name for name, _ in parse_qsl(urlsplit(url).query) if SECRET.search(name)]
    what = "a user or a password" if LOGIN.search(url) else f"`{names[0]}=…`" if names else ""
    if what:
        raise ValueError(
            f"`url` holds {what}, and params.yaml is for everybody: get the file yourself and use "
            "`source: folder` or `file`, or let this machine's `mirror` hold the login"
        )
