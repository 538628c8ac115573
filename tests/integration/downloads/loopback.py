"""Servers on this machine: plain files over HTTP, and a hub that the real client talks to."""

import hashlib
import json
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN = "hf_good"  # noqa: S105
"""The token that opens gated repositories of `HubServer`."""

LARGE = (".tar", ".zip", ".safetensors", ".bin", ".pt", ".pth")
"""The files that a hub keeps outside of git, by their ends."""


class Request(NamedTuple):
    """What came: `path` is decoded but for %2F, header names are in lower case."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]


class Answer(NamedTuple):
    """What goes back; `content` is sent in part where a range is asked for."""

    content: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = MappingProxyType({})


class FileServer:
    """Serves `files` (path → content) over HTTP at `url`, as a context manager.

    `statuses[path]` is answered instead of the file, `redirects[path]` is where a GET is sent
    instead; `drops[path]` holds how many bytes of each of the next answers are sent before the
    connection breaks; `ranges = False` ignores Range headers; `heads = False` answers HEAD with
    405. `requests` is everything that came, in order.
    """

    def __init__(self, files: dict[str, bytes] | None = None) -> None:
        self.files = dict(files or {})
        self.statuses: dict[str, int] = {}
        self.redirects: dict[str, str] = {}
        self.drops: dict[str, list[int]] = {}
        self.ranges, self.heads = True, True
        self.requests: list[Request] = []
        owner = self

        class Handler(_Handler):
            server_of_files = owner

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self.url = f"http://127.0.0.1:{self._http.server_port}"

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def asked(self, path: str, method: str = "GET") -> list[Request]:
        """Return the requests for a path."""
        return [item for item in self.requests if (item.method, item.path) == (method, path)]

    def answer(self, request: Request) -> Answer:
        """Return the file that was asked for."""
        if request.path in self.statuses:
            return Answer(b"refused", self.statuses[request.path])
        if request.method == "HEAD" and not self.heads:
            return Answer(status=405)
        content = self.files.get(request.path)
        if content is None:
            return Answer(b"not found", 404)
        etag = f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'
        return self.part(request, content, {"ETag": etag})

    def part(self, request: Request, content: bytes, headers: dict[str, str]) -> Answer:
        """Return the range that was asked for, or everything."""
        asked = request.headers.get("range", "")
        if not (asked and self.ranges):
            return Answer(content, 200, headers)
        first, _, last = asked.removeprefix("bytes=").partition("-")
        begin, end = int(first), min(int(last or len(content)), len(content) - 1)
        if begin >= len(content):
            return Answer(b"", 416, {"Content-Range": f"bytes */{len(content)}"})
        span = f"bytes {begin}-{end}/{len(content)}"
        return Answer(content[begin : end + 1], 206, headers | {"Content-Range": span})


class _Handler(BaseHTTPRequestHandler):
    server_of_files: FileServer

    def do_GET(self) -> None:
        owner, parts = self.server_of_files, urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(
            self.command,
            unquote(parts.path.replace("%2F", "%252F")),
            parse_qs(parts.query),
            headers,
        )
        owner.requests.append(request)
        elsewhere = owner.redirects.get(request.path) if self.command == "GET" else None
        moved = Answer(b"Found", 302, {"Location": elsewhere}) if elsewhere else None
        answer = moved or owner.answer(request)
        self.send_response(answer.status)
        self.send_header("Content-Length", str(len(answer.content)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            drops = owner.drops.get(request.path)
            self.wfile.write(answer.content[: drops.pop(0)] if drops else answer.content)

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


class Repository(NamedTuple):
    files: dict[str, bytes]
    commit: str
    revisions: tuple[str, ...]
    gated: bool


class HubServer(FileServer):
    """Speaks the protocol of the Hugging Face hub; large files come from a server of their own.

    `cdn` is that server: `hub.cdn.drops[hub.place(…)] = [1000]` breaks a download half-way, and
    `hub.corrupt(…)` changes what is served. A gated repository lists its files to anybody and gives
    them to `TOKEN` alone, as the real hub does. `use` points the real client here.
    """

    def __init__(self, page: int = 1000) -> None:
        super().__init__()
        self.cdn, self.page = FileServer(), page
        self.repositories: dict[tuple[str, str], Repository] = {}

    def __enter__(self):
        self.cdn.__enter__()
        return super().__enter__()

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)
        self.cdn.__exit__(*error)

    def use(self, monkeypatch, token: str | None = None) -> None:
        """Point the client here, with a token or with none."""
        from huggingface_hub import constants

        monkeypatch.setenv("HF_ENDPOINT", self.url)
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", "/nonexistent/token")
        monkeypatch.delenv("HUGGING_FACE_HUB_TOKEN", raising=False)
        monkeypatch.setenv("HF_TOKEN", token or "")

    def add(
        self,
        name: str,
        files: dict[str, bytes],
        kind: str = "dataset",
        revisions: tuple[str, ...] = ("main",),
        gated: bool = False,
    ) -> str:
        """Add a repository (`owner/name`) and return its commit, a further name of its revision."""
        commit = _blob(repr([(f, _blob(d)) for f, d in sorted(files.items())]).encode())
        self.repositories[kind, name] = Repository(files, commit, (*revisions, commit), gated)
        self.cdn.files |= {f"/cdn/{_sha256(d)}": d for f, d in files.items() if f.endswith(LARGE)}
        return commit

    def place(self, name: str, file: str, kind: str = "dataset") -> str:
        """Return the path on `cdn` of a large file."""
        return f"/cdn/{_sha256(self.repositories[kind, name].files[file])}"

    def corrupt(self, name: str, file: str, kind: str = "dataset") -> None:
        """Serve other bytes of the same length than the hub announces."""
        place = self.place(name, file, kind)
        self.cdn.files[place] = bytes(byte ^ 0xFF for byte in self.cdn.files[place])

    def answer(self, request: Request) -> Answer:
        """Answer as the hub does."""
        if request.path in self.statuses:
            return Answer(b"refused", self.statuses[request.path])
        parts = [unquote(part) for part in request.path.removeprefix("/api")[1:].split("/")]
        kind = parts.pop(0)[:-1] if parts[0] in ("datasets", "models") else "model"
        name, rest = "/".join(parts[:2]), parts[2:]
        found = self.repositories.get((kind, name))
        if found is None:
            return _refusal(404 if "authorization" in request.headers else 401, "RepoNotFound")
        if len(rest) > 1 and rest[1] not in found.revisions:
            return _refusal(404, "RevisionNotFound")
        if rest[:1] == ["tree"]:
            return self._tree(request, found)
        if rest[:1] == ["resolve"]:
            return self._resolve(request, found, "/".join(rest[2:]))
        return _json({"id": name, "sha": found.commit, "gated": found.gated})

    def _tree(self, request: Request, found: Repository) -> Answer:
        """List the files a page at a time, with a link to the next page."""
        folders = sorted({path.rpartition("/")[0] for path in found.files} - {""})
        items = [{"type": "directory", "oid": _blob(f.encode()), "path": f} for f in folders]
        items += [_entry(path, data) for path, data in sorted(found.files.items())]
        begin = int(request.query.get("cursor", ["0"])[0])
        end = begin + self.page
        link = f'<{self.url}{request.path}?recursive=True&cursor={end}>; rel="next"'
        return _json(items[begin:end], {"Link": link} if end < len(items) else {})

    def _resolve(self, request: Request, found: Repository, file: str) -> Answer:
        """Give a small file, or say where a large one is."""
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if found.gated and token != TOKEN:
            return _refusal(403 if token else 401, "GatedRepo")
        commit = {"X-Repo-Commit": found.commit}
        if file not in found.files:
            return _refusal(404, "EntryNotFound", commit)
        data = found.files[file]
        if not file.endswith(LARGE):
            return self.part(request, data, commit | {"ETag": f'"{_blob(data)}"'})
        linked = {"X-Linked-Size": str(len(data)), "X-Linked-ETag": f'"{_sha256(data)}"'}
        location = f"{self.cdn.url}/cdn/{_sha256(data)}"
        return Answer(b"Found", 302, commit | linked | {"Location": location})


def _entry(path: str, data: bytes) -> dict[str, Any]:
    entry: dict[str, Any] = {"type": "file", "oid": _blob(data), "size": len(data), "path": path}
    if path.endswith(LARGE):
        entry["lfs"] = {"oid": _sha256(data), "size": len(data), "pointerSize": 130}
    return entry


def _json(tree: object, headers: Mapping[str, str] = MappingProxyType({})) -> Answer:
    return Answer(json.dumps(tree).encode(), 200, {"Content-Type": "application/json", **headers})


def _refusal(status: int, code: str, headers: Mapping[str, str] = MappingProxyType({})) -> Answer:
    return Answer(b"{}", status, {"X-Error-Code": code, "X-Error-Message": code, **headers})


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _blob(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
