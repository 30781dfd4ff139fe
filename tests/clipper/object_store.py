"""moto's server of S3 on loopback, with the real client: it counts requests, and fails as a test wants."""

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from moto.core import DEFAULT_ACCOUNT_ID as ACCOUNT
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.s3.models import s3_backends
from werkzeug.serving import make_server

BUCKET = "photos"
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "somebody",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_MAX_ATTEMPTS": "1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_SHARED_CREDENTIALS_FILE": "/nowhere",
    "AWS_CONFIG_FILE": "/nowhere",
}

_CODES = {403: "AccessDenied", 404: "NoSuchBucket", 409: "ConditionalRequestConflict"}

Answer = Callable[[str, list[tuple[str, str]]], Any]


@dataclass(frozen=True)
class Asked:
    """A request: its method, the object's key ("" for a list), the bytes sent and those that came back."""

    method: str
    key: str
    sent: int = 0
    came: int = 0


@dataclass
class ObjectStore:
    """A running server."""

    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    # From a method and a key to a status to answer with instead, or "cut": half of the bytes; None: answer.
    fault: Callable[[str, str], int | str | None] = lambda *_: None
    knows_conditions: bool = True
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def names(self, method: str) -> list[str]:
        """The keys that were asked for by a method."""
        return [each.key for each in self.asked if each.method == method]

    @property
    def bytes_moved(self) -> int:
        """The bytes that were sent and came."""
        return sum(each.sent + each.came for each in self.asked)

    def empty(self, bucket: str) -> None:
        """Make a bucket that holds nothing, and forget all requests."""
        s3_backends[ACCOUNT]["aws"].reset()
        s3_backends[ACCOUNT]["aws"].create_bucket(bucket, "us-east-1")
        self.asked.clear()

    def copy(self, folder: Path, to: str) -> None:
        """Copy a folder into a bucket, as `aws s3 cp --recursive` does: but for what starts with a dot."""
        bucket, _, start = to.partition("/")
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder).as_posix()
            if path.is_file() and not name.startswith(".") and "/." not in name:
                self.write(f"{bucket}/{start}/{name}", path.read_bytes())

    def write(self, path: str, data: bytes) -> None:
        """Write an object, as another program does: an hour ago, as a run notes anew what is younger."""
        bucket, _, key = path.partition("/")
        written = s3_backends[ACCOUNT]["aws"].put_object(bucket, key, data)
        written.last_modified -= timedelta(hours=1)

    def age(self, path: str, seconds: float) -> None:
        """Let so much time pass for an object, by the server's clock."""
        bucket, _, key = path.partition("/")
        written = s3_backends[ACCOUNT]["aws"].get_object(bucket, key)
        assert written is not None, path
        written.last_modified -= timedelta(seconds=seconds)

    def read(self, path: str) -> bytes:
        """Return an object's bytes."""
        bucket, _, key = path.partition("/")
        found = s3_backends[ACCOUNT]["aws"].get_object(bucket, key)
        assert found is not None, path
        return bytes(found.value)

    def listed(self, bucket: str = BUCKET) -> list[str]:
        """The keys of all objects."""
        return sorted(s3_backends[ACCOUNT]["aws"].buckets[bucket].keys)

    def remove(self, path: str) -> None:
        """Delete an object."""
        bucket, _, key = path.partition("/")
        s3_backends[ACCOUNT]["aws"].delete_object(bucket, key)

    def around(self, application: Any) -> Any:
        """Return the WSGI application that answers for moto's."""

        def answer(environ: dict[str, Any], start: Answer) -> Iterable[bytes]:
            method = environ["REQUEST_METHOD"]
            bucket, _, key = unquote(environ["PATH_INFO"]).lstrip("/").partition("/")
            if bucket == "moto-api":
                return application(environ, start)
            if method == "POST" and "delete" in environ["QUERY_STRING"]:
                method = "DELETE"
            wrong = self.fault(method, key)
            sent = int(environ.get("CONTENT_LENGTH") or 0)
            if isinstance(wrong, int):
                environ["wsgi.input"].read(sent)
                self.asked.append(Asked(method, key, sent))
                code = _CODES.get(wrong, "SlowDown")
                body = f"<Error><Code>{code}</Code><Message>{code} said S3</Message></Error>".encode()
                start(f"{wrong} {code}", [("Content-Length", str(len(body)))])
                return [body if environ["REQUEST_METHOD"] != "HEAD" else b""]
            if not self.knows_conditions:
                environ = {name: of for name, of in environ.items() if not name.startswith("HTTP_IF_")}
            with self._lock:  # of two requests with conditions one comes first, as on S3
                data = b"".join(application(environ, start))
            self.asked.append(Asked(method, key, sent, len(data)))
            return [data[: len(data) // 2]] if wrong == "cut" else [data]

        return answer


@contextmanager
def serve() -> Iterator[ObjectStore]:
    """Answer on a free port of loopback until the block ends; there is no bucket yet."""
    store = ObjectStore()
    application = store.around(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=MotoRequestHandler)
    server.daemon_threads = True
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    store.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield store
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
