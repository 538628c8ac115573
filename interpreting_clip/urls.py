"""URLs as they are shown and stored: without the parts that grant access."""

import re

PUBLIC_QUERY = (
    *("confirm", "dl", "download", "export", "file", "filename", "format", "id", "path"),
    *("raw", "ref", "rev", "revision", "version", "versionId"),
)
"""The query parameters that address a file. Any other may be a key, a token or a signature."""

_SCHEME = re.compile(r"\s*(https?://)", re.I)


def public_url(url: str) -> str:
    """Return a URL, legal or not, with `…` in place of everything that may grant access.

    That is everything before the last `@`, since a password may hold any character and the scheme
    may be missing; the value of every query parameter but `PUBLIC_QUERY`; what follows `;`, and the
    fragment.
    """
    login, at, rest = url.rpartition("@")
    scheme = found[1] if (found := _SCHEME.match(login)) else ""
    if re.search("[?#;]", login):
        return f"{scheme}…"  # a password with such a character, or a query with an `@`
    hidden = f"{scheme}…@" if at else ""
    place, mark, after = _split(rest, "?#;")
    if mark != "?":
        return f"{hidden}{place}{mark}{'…' if mark else ''}"
    query, mark, _ = _split(after, "#;")
    pairs = "&".join(_public_pair(pair) for pair in query.split("&"))
    return f"{hidden}{place}?{pairs}{mark}{'…' if mark else ''}"


def _public_pair(pair: str) -> str:
    name, equals, _ = pair.partition("=")
    if name in PUBLIC_QUERY:
        return pair
    return f"{name}=…" if equals else "…"


def _split(text: str, marks: str) -> tuple[str, str, str]:
    """Return the text before the first of some marks, the mark, and the text after it."""
    found = re.search(f"[{marks}]", text)
    return (text[: found.start()], found[0], text[found.end() :]) if found else (text, "", "")


def without_logins(text: str) -> str:
    """Return a text with `…@` in place of the login of every URL in it, up to its last `@`.

    A password with a space looks like words: use `public_url` if you have the URL itself.
    """
    return re.sub(r"(?<=://)\S*@", "…@", text)
