"""What a server's status means to somebody who wants a file from it."""

REASONS = {
    401: "it asks for a login",
    403: "access is refused",
    404: "there is no such file",
    410: "the file is gone",
    429: "too many requests were made",
}
TRANSIENT = (408, 429, 500, 502, 503, 504)
"""The statuses after which a server may answer the same request."""

CONFIGURED = (401, 403, 404, 410)
"""The statuses that another address or other rights would change."""


def reason(status: int) -> str | None:
    """Say in words what a status means that gives no file; None for one that does."""
    if status < 400:
        return None
    words = REASONS.get(status, "the server failed" if status >= 500 else "the request is refused")
    return f"{words} (HTTP {status})"


def remedy(status: int) -> str:
    """Say what to do about it."""
    if status in CONFIGURED:
        return "check the URL, and whether a licence has to be accepted in a browser first"
    return "run again later"
