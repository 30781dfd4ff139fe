"""An object store in this process that lists ETags, as S3 does, and notes which objects are read."""

from functools import partial
from hashlib import md5 as any_md5
from typing import Any

from fsspec.implementations.memory import MemoryFileSystem

md5 = partial(any_md5, usedforsecurity=False)


class Tagged(MemoryFileSystem):
    """What `tagged://` URLs name."""

    protocol = "tagged"
    store: dict[str, Any] = {}  # noqa: RUF012 - of the whole process, as of its base
    pseudo_dirs = [""]  # noqa: RUF012
    asked: list[str] = []  # noqa: RUF012
    tags: dict[str, str] = {}  # noqa: RUF012 - instead of the MD5
    times: dict[str, float] = {}  # noqa: RUF012
    fails_at = ""

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return super()._strip_protocol(path.replace("tagged://", "memory://"))

    def find(self, path: str, *_: object, **__: object) -> dict[str, dict[str, Any]]:
        return {
            name: {
                "name": name,
                "type": "file",
                "size": file.getbuffer().nbytes,
                "ETag": self.tags.get(name, f'"{md5(file.getvalue()).hexdigest()}"'),
                "mtime": self.times[name],
            }
            for name, file in self.store.items()
            if name.startswith(path)
        }

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **_: object) -> bytes:
        if path == self.fails_at:
            raise ConnectionRefusedError(111, "refused")
        self.asked.append(path)
        return bytes(self.store[path].getvalue()[start:end])

    def upload(self, name: str, data: bytes, at: float) -> None:
        self.pipe_file(f"/bucket/{name}", data)
        self.times[f"/bucket/{name}"] = at
