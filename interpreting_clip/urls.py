"""URLs as they are shown and stored: without the parts that grant access."""

import re
from urllib.parse import urlsplit

PUBLIC_QUERY = (
    *("confirm", "dl", "download", "export", "file", "filename", "format", "id", "path"),
    *("raw", "ref", "rev", "revision", "version", "versionId"),
)
"""The query parameters that address a file. Any other may be a key, a token or a signature."""

_SCHEME = re.compile(r"\s*((?:https?|ftp|ssh|s3|gs|file)://)", re.I)

AT = "@\N{FULLWIDTH COMMERCIAL AT}\N{SMALL COMMERCIAL AT}"
"""What ends a login, for one parser of URLs or another."""


def public_url(url: str) -> str:
    """Return a URL, legal or not, with `…` in place of everything that may grant access.

    That is everything before the last `@`, since a password may hold any character; the value of
    every query parameter but `PUBLIC_QUERY`; what follows `;`, and the fragment. Of a text that is
    no URL, or one with an illegal host or port, nothing is shown: it may be a secret in the place
    of a URL, or begin with one.
    """
    if not (found := _SCHEME.match(url)):
        return "…" if url else ""
    scheme, after_scheme = found[1], url[found.end() :]
    login, at, rest = _split_last(after_scheme, AT)
    # a password with such a character, or a query with an `@`
    if re.search("[?#;]", login) or not _is_legal(f"{scheme}{rest}"):
        return f"{scheme}…"
    hidden = f"{scheme}…@" if at else url[: found.end()]
    place, mark, after = _split(rest, "?#;")
    if mark != "?":
        return f"{hidden}{place}{mark}{'…' if mark else ''}"
    query, mark, _ = _split(after, "#;")
    pairs = "&".join(_public_pair(pair) for pair in query.split("&"))
    return f"{hidden}{place}?{pairs}{mark}{'…' if mark else ''}"


def _is_legal(url: str) -> bool:
    """Say whether a URL has a host and, if any, a port that is a number."""
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and (parts.port is None or parts.port >= 0)
    except ValueError:
        return False


def _public_pair(pair: str) -> str:
    name, equals, _ = pair.partition("=")
    if name in PUBLIC_QUERY:
        return pair
    return f"{name}=…" if equals else "…"


def _split(text: str, marks: str) -> tuple[str, str, str]:
    """Return the text before the first of some marks, the mark, and the text after it."""
    found = re.search(f"[{marks}]", text)
    return (text[: found.start()], found[0], text[found.end() :]) if found else (text, "", "")


def _split_last(text: str, marks: str) -> tuple[str, str, str]:
    """Return the text before the last of some marks, the mark, and the text after it."""
    rest, mark, login = _split(text[::-1], marks)
    return login[::-1], mark, rest[::-1]


def without_logins(text: str) -> str:
    """Return a text with `…@` in place of the login of every URL in it, up to its last `@`.

    A path may have made one slash of two. A password with a space looks like words: use
    `public_url` if you have the URL itself.
    """
    return re.sub(rf"(?<=:/)(/?)\S*[{AT}]", r"\1…@", text)


def without_urls(text: str) -> str:
    """Return a library's text with `…` for each word that may be a part of a URL or of a login."""
    return re.sub(rf"\S*(?::/|[{AT}])\S*", "…", text)
