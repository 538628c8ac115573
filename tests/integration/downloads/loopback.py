"""Servers on this machine: plain files over HTTP, and a hub that the real client talks to."""

import hashlib
import json
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

TOKEN = "hf_good"  # noqa: S105
"""The token that opens gated repositories of `HubServer`."""

LARGE = (".tar", ".zip", ".safetensors", ".bin", ".pt", ".pth", ".parquet")
"""The suffixes of files that a hub keeps outside of git."""


class Request(NamedTuple):
    """A request that came; names of headers are in lower case."""

    method: str
    path: str
    headers: dict[str, str]


class Answer(NamedTuple):
    content: bytes = b""
    status: int = 200
    headers: dict[str, str] = {}  # noqa: RUF012 — never changed


class FileServer:
    """Serves `files` (path → content) over HTTP at `url`, as a context manager.

    `statuses[path]` is answered instead of the file; `redirects[path]` is where a GET is
    redirected. `drops[path]` holds how many bytes of each of the next answers are sent before the
    connection ends. `held[path]` is after how many bytes an answer stops without an end.
    `ranges = False` ignores Range headers, `versions = False` sends no ETag and ignores If-Range.
    `requests` has all requests, in order.
    """

    def __init__(self, files: dict[str, bytes] | None = None) -> None:
        self.files = dict(files or {})
        self.statuses: dict[str, int] = {}
        self.redirects: dict[str, str] = {}
        self.drops: dict[str, list[int]] = {}
        self.held: dict[str, int] = {}
        self.over = threading.Event()
        self.ranges, self.versions = True, True
        self.requests: list[Request] = []
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                request = Request(self.command, unquote(urlsplit(self.path).path), headers)
                owner.requests.append(request)
                elsewhere = owner.redirects.get(request.path) if self.command == "GET" else None
                moved = Answer(b"Found", 302, {"Location": elsewhere}) if elsewhere else None
                answer = moved or owner.answer(request)
                with suppress(ConnectionError):
                    self.send(request, answer)

            def send(self, request: Request, answer: Answer) -> None:
                self.send_response(answer.status)
                self.send_header("Content-Length", str(len(answer.content)))
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command == "GET":
                    drops = owner.drops.get(request.path)
                    end = drops.pop(0) if drops else None
                    first = owner.held.get(request.path, 0)
                    with suppress(ConnectionError):
                        self.wfile.write(answer.content[:first])
                        if first:
                            owner.over.wait(20)
                        self.wfile.write(answer.content[first:end])

            do_HEAD = do_GET  # noqa: N815

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        class Server(ThreadingHTTPServer):
            request_queue_size = 128  # of 5, Linux drops those that come at the same time

        self._http = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self.url = f"http://127.0.0.1:{self._http.server_port}"

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.over.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def asked(self, path: str) -> list[Request]:
        return [request for request in self.requests if request.path == path]

    def answer(self, request: Request) -> Answer:
        if request.path in self.statuses:
            return Answer(b"refused", self.statuses[request.path])
        if request.path not in self.files:
            return Answer(b"not found", 404)
        return self.part(request, self.files[request.path], {})

    def spans_asked(self, path: str) -> list[str | None]:
        """Return the ranges that were asked for a path; None for a whole file."""
        return [request.headers.get("range") for request in self.asked(path)]

    def part(self, request: Request, content: bytes, headers: dict[str, str]) -> Answer:
        """Return the requested range, or everything if the file is not the one that is meant."""
        asked, etag = request.headers.get("range"), f'"{sha256(content)}"'
        same = request.headers.get("if-range", etag) == etag
        if self.versions:
            headers = {"ETag": etag} | headers
        if not (asked and self.ranges and (same or not self.versions)):
            return Answer(content, 200, headers)
        first, _, last = asked.removeprefix("bytes=").partition("-")
        begin, end = int(first), min(int(last or len(content)), len(content) - 1)
        if begin > end:
            return Answer(b"", 416, {"Content-Range": f"bytes */{len(content)}"})
        span = f"bytes {begin}-{end}/{len(content)}"
        return Answer(content[begin : end + 1], 206, headers | {"Content-Range": span})


class Repository(NamedTuple):
    files: dict[str, bytes]
    commit: str
    gated: bool


class HubServer(FileServer):
    """Speaks the protocol of the Hugging Face hub; large files come from `cdn`, another server.

    Like the real hub, it lists a gated repository's files to anybody, but gives them only to
    `TOKEN`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.cdn = FileServer()
        self.repositories: dict[tuple[str, str], Repository] = {}

    def __enter__(self):
        self.cdn.__enter__()
        return super().__enter__()

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)
        self.cdn.__exit__(*error)

    def use(self, monkeypatch, token: str | None = None) -> None:
        """Point the real client at this server, with or without a token."""
        from huggingface_hub import constants

        monkeypatch.setenv("HF_ENDPOINT", self.url)
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", "/nonexistent/token")
        monkeypatch.delenv("HUGGING_FACE_HUB_TOKEN", raising=False)
        monkeypatch.setenv("HF_TOKEN", token or "")

    def add(
        self, name: str, files: dict[str, bytes], kind: str = "dataset", gated: bool = False
    ) -> str:
        """Add a repository (`owner/name`) with the revision `main`, and return its commit."""
        commit = git_name(repr([(f, git_name(d)) for f, d in sorted(files.items())]).encode())
        self.repositories[kind, name] = Repository(files, commit, gated)
        self.cdn.files |= {f"/cdn/{sha256(d)}": d for f, d in files.items() if f.endswith(LARGE)}
        return commit

    def place(self, name: str, file: str, kind: str = "dataset") -> str:
        """Return the path on `cdn` of a large file."""
        return f"/cdn/{sha256(self.repositories[kind, name].files[file])}"

    def answer(self, request: Request) -> Answer:
        if request.path in self.statuses:
            return super().answer(request)
        parts = request.path.removeprefix("/api")[1:].split("/")
        kind = parts.pop(0)[:-1] if parts[0] in ("datasets", "models") else "model"
        if len(parts) < 4:  # the client asks which agents are known, for its user agent
            return refusal(404, "EntryNotFound")
        name, (ask, revision, *path) = "/".join(parts[:2]), parts[2:]
        found = self.repositories.get((kind, name))
        if found is None:
            return refusal(404 if "authorization" in request.headers else 401, "RepoNotFound")
        if revision not in ("main", found.commit):
            return refusal(404, "RevisionNotFound")
        if ask == "resolve":
            return self._resolve(request, found, "/".join(path))
        info = {"id": name, "sha": found.commit, "gated": found.gated}
        content = listing(found.files) if ask == "tree" else info
        return Answer(json.dumps(content).encode(), 200, {"Content-Type": "application/json"})

    def _resolve(self, request: Request, found: Repository, file: str) -> Answer:
        """Send a small file, or redirect to a large one."""
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if found.gated and token != TOKEN:
            return refusal(403 if token else 401, "GatedRepo")
        headers = {"X-Repo-Commit": found.commit}
        if file not in found.files:
            return refusal(404, "EntryNotFound", headers)
        data = found.files[file]
        if not file.endswith(LARGE):
            return self.part(request, data, headers | {"ETag": f'"{git_name(data)}"'})
        headers |= {"X-Linked-Size": str(len(data)), "X-Linked-ETag": f'"{sha256(data)}"'}
        return Answer(b"Found", 302, headers | {"Location": f"{self.cdn.url}/cdn/{sha256(data)}"})


def listing(files: dict[str, bytes]) -> list[dict[str, Any]]:
    """Return the tree of a repository: its folders, then its files, large ones with an `lfs`."""
    folders = sorted({path.rpartition("/")[0] for path in files} - {""})
    tree: list[dict[str, Any]] = [
        {"type": "directory", "oid": git_name(folder.encode()), "path": folder}
        for folder in folders
    ]
    for path, data in sorted(files.items()):
        entry = {"type": "file", "oid": git_name(data), "size": len(data), "path": path}
        lfs = {"oid": sha256(data), "size": len(data), "pointerSize": 130}
        tree.append(entry | {"lfs": lfs} if path.endswith(LARGE) else entry)
    return tree


def refusal(status: int, code: str, headers: dict[str, str] | None = None) -> Answer:
    said = {"X-Error-Code": code, "X-Error-Message": code}
    return Answer(b"{}", status, said | (headers or {}))


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def git_name(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
