"""A model hub on loopback: it speaks the hub's protocol to the real client, and fails as a test wants."""

import hashlib
import json
import socket
import struct
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

_PIECE = 16_384
# Only files above this are cut or damaged.
_LARGE = 100_000


def commit_of(files: dict[str, bytes]) -> str:
    """The name of a revision: a hash, as Git's are."""
    return hashlib.sha1(repr(sorted(files.items())).encode(), usedforsecurity=False).hexdigest()


@dataclass
class FakeHub:
    """The models that the hub has, how it misbehaves, and what it was asked."""

    # By name, the files of each branch or tag; commits are found by their hash, too.
    models: dict[str, dict[str, dict[str, bytes]]] = field(default_factory=dict)
    # Names whose files need this token.
    gated: dict[str, str] = field(default_factory=dict)
    # Answers to give first: a status, and after how many seconds the client may come back.
    busy: list[tuple[int, str]] = field(default_factory=list)
    # How many bytes of a large file to send before the connection ends, once each; "reset" or "close".
    cuts: list[tuple[int, str]] = field(default_factory=list)
    # What never gets an answer: "info", "tree", "head" or "file".
    hangs: set[str] = field(default_factory=set)
    ignores_range: bool = False
    names_hashes: bool = True
    damages: int = 0
    seconds_a_piece: float = 0.0
    # (method, kind, path) of each request.
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    # The ranges of a file's bytes that were sent, by its hash.
    sent: dict[str, list[tuple[int, int]]] = field(default_factory=lambda: defaultdict(list))
    url: str = ""
    stopped: threading.Event = field(default_factory=threading.Event)

    def add(self, name: str, files: dict[str, bytes], revision: str = "main") -> str:
        """Publish the files of a model; return the commit."""
        self.models.setdefault(name, {})[revision] = files
        return commit_of(files)

    def files(self, name: str, revision: str) -> dict[str, bytes] | None:
        """The files of a revision: of a branch, a tag or a commit."""
        versions = self.models[name]
        if revision in versions:
            return versions[revision]
        return next((files for files in versions.values() if commit_of(files) == revision), None)

    def sent_twice(self) -> int:
        """The bytes of files that were sent more than once."""
        twice = 0
        for ranges in self.sent.values():
            reached = 0
            for start, end in sorted(ranges):
                twice += max(0, min(reached, end) - start)
                reached = max(reached, end)
        return twice


@contextmanager
def serve(hub: FakeHub) -> Iterator[FakeHub]:
    """Answer on a free port of loopback until the block ends."""
    handler = type("Handler", (_Handler,), {"hub": hub})
    with _Server(("127.0.0.1", 0), handler) as server:
        hub.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield hub
        finally:
            hub.stopped.set()
            server.shutdown()


class _Server(ThreadingHTTPServer):
    request_queue_size = 128

    def handle_error(self, *_: object) -> None:
        """Say nothing: a client that is interrupted closes its connection."""


class _Handler(BaseHTTPRequestHandler):
    hub: FakeHub
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        address = urlsplit(self.path)
        parts = address.path.strip("/").split("/")
        kind = "file" if parts[:1] == ["cdn"] or "resolve" in parts else "tree" if "tree" in parts else "info"
        if kind == "file" and self.command == "HEAD":
            kind = "head"
        hangs = kind in self.hub.hangs
        self.hub.asked.append((self.command, kind, address.path))
        if hangs:
            self.hub.stopped.wait(30)
            self.close_connection = True
            return
        if self.hub.busy:
            status, after = self.hub.busy.pop(0)
            self._send(status, {"error": "busy"}, {"Retry-After": after} if after else {})
        elif parts[0] == "cdn":
            self._send_bytes(parts[1], self._stored(parts[1]))
        elif parts[:2] == ["api", "models"]:
            self._answer_about("/".join(parts[2:4]), parts[4:], parse_qs(address.query))
        else:
            self._answer_file("/".join(parts[:2]), parts[3], "/".join(parts[4:]))

    def _answer_about(self, name: str, rest: list[str], query: dict[str, list[str]]) -> None:
        if name not in self.hub.models:
            self._refuse(401, "RepoNotFound")
            return
        files = self.hub.files(name, rest[1] if len(rest) > 1 else "main")
        if files is None:
            self._refuse(404, "RevisionNotFound")
            return
        entries = [self._described(path, data) for path, data in files.items()]
        if rest[:1] == ["tree"]:
            self._send(200, [{"type": "file", **entry} for entry in entries])
            return
        siblings: list[dict[str, Any]] = []
        for entry in entries:
            siblings.append({"rfilename": entry["path"]})
            if "blobs" in query and self.hub.names_hashes:
                siblings[-1] |= {"size": entry["size"], "blobId": entry["oid"]}
                if lfs := entry.get("lfs"):
                    siblings[-1]["lfs"] = {"sha256": lfs["oid"], "size": lfs["size"], "pointerSize": 134}
        gated = "auto" if name in self.hub.gated else False
        about = {"id": name, "sha": commit_of(files), "private": False, "gated": gated, "siblings": siblings}
        self._send(200, about)

    @staticmethod
    def _described(path: str, data: bytes) -> dict[str, Any]:
        """A file as the hub lists it; large ones lie in another store, by their SHA-256."""
        git = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
        entry: dict[str, Any] = {"path": path, "size": len(data), "oid": git}
        if path.endswith(".safetensors"):
            sha256 = hashlib.sha256(data).hexdigest()
            entry["lfs"] = {"oid": sha256, "size": len(data), "pointerSize": 134}
        return entry

    def _answer_file(self, name: str, revision: str, path: str) -> None:
        files = self.hub.files(name, revision) if name in self.hub.models else None
        if files is None or path not in files:
            self._refuse(404, "EntryNotFound")
            return
        token = self.hub.gated.get(name)
        given = self.headers.get("Authorization")
        if token and given != f"Bearer {token}":
            self._refuse(403 if given else 401, "GatedRepo")
            return
        entry = self._described(path, files[path])
        about = {"X-Repo-Commit": commit_of(files), "Accept-Ranges": "bytes"}
        if lfs := entry.get("lfs"):
            about |= {"X-Linked-Size": str(lfs["size"]), "X-Linked-Etag": f'"{lfs["oid"]}"'}
            elsewhere = self.hub.url.replace("127.0.0.1", "localhost")  # the client follows to no other host
            self._send(302, None, about | {"Location": f"{elsewhere}/cdn/{lfs['oid']}"})
        else:
            self._send_bytes(entry["oid"], files[path], about | {"ETag": f'"{entry["oid"]}"'})

    def _stored(self, sha256: str) -> bytes:
        every = (
            data for model in self.hub.models.values() for files in model.values() for data in files.values()
        )
        return next(data for data in every if hashlib.sha256(data).hexdigest() == sha256)

    def _await_arrival(self) -> None:
        """Wait until the client's system has all that was written: a reset drops what is still here."""
        if sys.platform != "linux":
            time.sleep(0.05)
            return
        import fcntl
        import termios

        for _ in range(20_000):  # not for ever: the client may be gone
            if not struct.unpack("i", fcntl.ioctl(self.connection, termios.TIOCOUTQ, bytes(4)))[0]:
                return
            time.sleep(0.001)

    def _send_bytes(self, etag: str, data: bytes, headers: dict[str, str] | None = None) -> None:
        start, wanted = 0, self.headers.get("Range", "")
        if wanted and not self.hub.ignores_range:
            start = int(wanted.removeprefix("bytes=").split("-")[0])
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        for name, value in {**(headers or {}), "Content-Length": str(len(data) - start)}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        end, how = len(data), ""
        if self.hub.cuts and len(data) > _LARGE:
            count, how = self.hub.cuts.pop(0)
            end = min(len(data), start + count)
        if self.hub.damages and len(data) > _LARGE:
            self.hub.damages -= 1
            data = bytes(len(data))
        ranges = self.hub.sent[etag]
        ranges.append((start, start))
        mine = len(ranges) - 1
        for position in range(start, end, _PIECE):
            piece = data[position : min(position + _PIECE, end)]
            self.wfile.write(piece)
            ranges[mine] = (start, position + len(piece))
            time.sleep(self.hub.seconds_a_piece)
        if how:
            self._await_arrival()
            if how == "reset":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.shutdown(socket.SHUT_RDWR) if how == "close" else self.connection.close()
            self.close_connection = True

    def _refuse(self, status: int, code: str) -> None:
        self._send(status, {"error": code}, {"X-Error-Code": code, "X-Error-Message": code})

    def _send(self, status: int, content: object, headers: dict[str, str] | None = None) -> None:
        body = b"" if content is None else json.dumps(content).encode()
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
