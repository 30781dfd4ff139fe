"""A server on loopback that speaks as much of S3 as reading needs, and fails as a test wants."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

_CHANGED = "2026-01-02T03:04:05.000Z"


@dataclass
class FakeS3:
    """The objects of buckets by key, and the errors to answer with instead."""

    buckets: dict[str, dict[str, bytes]] = field(default_factory=dict)
    # From a method and a key ("" for a list) to a status and S3's word for it, or "reset"; None: answer.
    fault: Callable[[str, str], tuple[int, str] | str | None] = lambda *_: None
    # How often each key was asked for, by method.
    asked: Counter[tuple[str, str]] = field(default_factory=Counter)
    url: str = ""
    # Keys and folders of one list, and seconds that each list waits, as a server far away lets it.
    page: int = 1_000
    delay: float = 0.0
    is_reversed: bool = False  # lists keys in another order, all at once


@contextmanager
def serve(s3: FakeS3) -> Iterator[FakeS3]:
    """Answer on a free port of loopback until the block ends."""
    handler = type("Handler", (_Handler,), {"s3": s3})
    with _Server(("127.0.0.1", 0), handler) as server:
        s3.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield s3
        finally:
            server.shutdown()


class _Server(ThreadingHTTPServer):
    request_queue_size = 128

    def handle_error(self, *_: object) -> None:
        """Say nothing: a client that gives up closes its connection."""


class _Handler(BaseHTTPRequestHandler):
    s3: FakeS3
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
        bucket, _, key = unquote(address.path.lstrip("/")).partition("/")
        self.s3.asked[self.command, key] += 1
        wrong = self.s3.fault(self.command, key)
        if isinstance(wrong, str):
            self.connection.close()
            self.close_connection = True
        elif wrong:
            self._refuse(*wrong)
        elif bucket not in self.s3.buckets:
            self._refuse(404, "NoSuchBucket")
        elif not key:
            self._list(bucket, {name: values[0] for name, values in parse_qs(address.query).items()})
        elif key not in self.s3.buckets[bucket]:
            self._refuse(404, "NoSuchKey")
        else:
            self._send_object(self.s3.buckets[bucket][key])

    def _list(self, bucket: str, query: dict[str, str]) -> None:
        time.sleep(self.s3.delay)
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        after = max(query.get("start-after", ""), query.get("continuation-token", ""))
        most, last, more = min(int(query.get("max-keys", 1_000)), self.s3.page), "", "false"
        rows: list[str] = []
        if self.s3.is_reversed:
            most, after = len(self.s3.buckets[bucket]), ""
        for key, data in sorted(self.s3.buckets[bucket].items(), reverse=self.s3.is_reversed):
            is_in_folder = bool(delimiter) and last.endswith(delimiter) and key.startswith(last)
            if not key.startswith(prefix) or key <= after or is_in_folder:
                continue
            if len(rows) == most:
                more = "true"
                break
            head, mark, _ = key[len(prefix) :].partition(delimiter) if delimiter else (key, "", "")
            last = f"{prefix}{head}{mark}" if mark else key
            rows.append(
                f"<CommonPrefixes><Prefix>{escape(last)}</Prefix></CommonPrefixes>" if mark else
                f"<Contents><Key>{escape(key)}</Key><LastModified>{_CHANGED}</LastModified>"
                f"<ETag>&quot;{len(data)}&quot;</ETag><Size>{len(data)}</Size></Contents>"
            )  # fmt: skip
        token = f"{last}\U0010ffff" if delimiter and last.endswith(delimiter) else last
        about = f"<Name>{bucket}</Name><KeyCount>{len(rows)}</KeyCount><IsTruncated>{more}</IsTruncated>"
        about += f"<NextContinuationToken>{escape(token)}</NextContinuationToken>" if more == "true" else ""
        self._send(200, f"<ListBucketResult>{about}{''.join(rows)}</ListBucketResult>".encode())

    def _send_object(self, data: bytes) -> None:
        asked = self.headers.get("Range", "")
        headers = {"Last-Modified": "Fri, 02 Jan 2026 03:04:05 GMT", "ETag": f'"{len(data)}"'}
        if not asked:
            self._send(200, data, headers)
            return
        first, _, last = asked.removeprefix("bytes=").partition("-")
        part = data[int(first) : int(last or len(data)) + 1]
        self._send(
            206, part, headers | {"Content-Range": f"bytes {first}-{int(first) + len(part) - 1}/{len(data)}"}
        )

    def _refuse(self, status: int, code: str) -> None:
        self._send(status, f"<Error><Code>{code}</Code><Message>{code} said S3</Message></Error>".encode())

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
