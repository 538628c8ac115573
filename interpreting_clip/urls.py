"""URLs as they are shown and stored: without the parts that grant access."""

import re
from urllib.parse import urlsplit, urlunsplit

PUBLIC_QUERY = (
    *("confirm", "dl", "download", "export", "file", "filename", "format", "id", "path"),
    *("raw", "ref", "rev", "revision", "version", "versionId"),
)
"""The query parameters that address a file. Any other may be a key, a token or a signature."""


def public_url(url: str) -> str:
    """Return a URL with `…` for its login, its fragment and all of its query but `PUBLIC_QUERY`.

    A text that is not a URL with a host becomes `…`, since it may be a password in the wrong place.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port  # refuses one that is no number
    except ValueError:
        return "…"
    if not (parts.scheme and parts.hostname):
        return "…" if url else ""
    _, at, host = parts.netloc.rpartition("@")
    query = "&".join(map(_public_pair, parts.query.split("&")))
    fragment = "…" if parts.fragment else ""
    place = f"…@{host}" if at else host
    return urlunsplit(parts._replace(netloc=place, query=query, fragment=fragment))


def _public_pair(pair: str) -> str:
    name, equals, _ = pair.partition("=")
    if not pair or name in PUBLIC_QUERY:
        return pair
    return f"{name}=…" if equals else "…"


def without_logins(text: str) -> str:
    """Return a text with `…@` in place of the login of every URL in it."""
    return re.sub(r"://[^\s/]+@", "://…@", text)


def without_urls(text: str) -> str:
    """Return a library's text with `…` for each URL in it."""
    return re.sub(r"\S*://\S*", "…", text)
