"""Many requests at a time list a bucket, and find each key once, whatever the keys look like."""

import hashlib
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from clipper.images.files.bucket import UnsortedError, list_bucket
from clipper.images.files.found import ID, joined

SEVERAL_KINDS = {
    "none": [],
    "one": ["a.png"],
    "numbered": [f"frame-{number:08}.jpg" for number in range(40_000)],
    "numbered as people do": [f"frame-{number}.jpg" for number in range(40_000)],
    "hashes": [hashlib.sha256(str(number).encode()).hexdigest() for number in range(40_000)],
    "folders of a dataset": [f"train/n{number % 300:05}/{number}.jpg" for number in range(38_000)]
    + [f"val/{number}.jpg" for number in range(2_000)],
    "one beyond the rest": [f"a{number:05}" for number in range(20_000)] + ["zebra", "\U0001f993.png"],
    "scripts": [f"写真/{chr(0x4E00 + number % 5_000)}{number}.jpg" for number in range(20_000)],
    "names that begin alike": ["a" * length for length in range(1, 900)],
    "of a folder and beside it": ["cats", "cats/1", "cats/", "cats/2", "cats0", "cats/sub/3"],
}


class Server:
    """Keys in order, a page at a time; `delay` is how long each answer takes, in seconds."""

    def __init__(self, keys: Sequence[str], *, page: int = 1_000, delay: float = 0.0) -> None:
        self.keys, self.page, self.delay = sorted(keys), page, delay
        self.asked = self.at_once = self.most_at_once = 0
        self._lock = threading.Lock()

    def ask(self, after: str, most: int) -> Mapping[str, Any]:
        with self._lock:
            self.asked += 1
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        time.sleep(self.delay)
        rest = [key for key in self.keys if key > after]
        page = rest[: min(most, self.page)]
        with self._lock:
            self.at_once -= 1
        return {"Contents": [{"Key": key, "Size": 5} for key in page], "IsTruncated": len(page) < len(rest)}


def listed(server: Server, prefix: str = "") -> list[str]:
    tables = list_bucket(server.ask, prefix, lambda _: 7, threads=32)
    return [name.decode() for name in joined(tables).table[ID].to_pylist()]


@pytest.mark.parametrize("kind", SEVERAL_KINDS)
@pytest.mark.parametrize("prefix", ["", "photos/"])
def test_every_key_is_listed_once(kind: str, prefix: str):
    keys = SEVERAL_KINDS[kind]
    server = Server([prefix + key for key in keys], page=100)
    assert listed(server, prefix) == sorted(key for key in keys if not key.endswith("/"))


@pytest.mark.parametrize(
    "kind", ["numbered", "numbered as people do", "hashes", "folders of a dataset", "one beyond the rest"]
)
def test_many_keys_are_asked_for_at_a_time_and_with_few_requests_more(kind: str):
    server = Server(SEVERAL_KINDS[kind], page=100, delay=0.01)
    listed(server)
    pages = len(SEVERAL_KINDS[kind]) / 100
    assert server.most_at_once >= 8
    assert server.asked < 2 * pages + 200


def test_few_keys_are_listed_by_as_many_requests_as_they_have_pages():
    server = Server([f"{number:04}" for number in range(400)], page=100)
    listed(server)
    assert server.asked == 4


def test_what_a_server_refuses_is_raised_and_no_more_is_asked_for():
    server = Server([f"{number:05}" for number in range(40_000)], page=100, delay=0.005)

    def refuse_later(after: str, most: int) -> Mapping[str, Any]:
        if after >= "25":
            raise PermissionError("refused")
        return server.ask(after, most)

    with pytest.raises(PermissionError, match="refused"):
        list_bucket(refuse_later, "", lambda _: 7, threads=8)
    asked = server.asked
    for thread in threading.enumerate():
        if thread.name.startswith("list-"):
            thread.join(60)
    assert server.asked <= asked + 8  # what each thread had begun to ask for


@pytest.mark.parametrize("page", [["a", "b"], ["b", "a"]])  # the same again and again; not in order
def test_a_server_that_does_not_keep_the_order_is_not_listed_in_parts(page: list[str]):
    answer = {"Contents": [{"Key": key, "Size": 5} for key in page], "IsTruncated": True}
    with pytest.raises(UnsortedError):
        list_bucket(lambda *_: answer, "", lambda _: 7, threads=2)


@pytest.mark.parametrize("most", [1_000, 1])  # a page; the first key of a part
def test_a_server_that_has_more_keys_than_it_says_is_not_listed_in_parts(most: int):
    server = Server([f"{number:05}" for number in range(4_000)], page=100)

    def ask(after: str, wanted: int) -> Mapping[str, Any]:
        return {"IsTruncated": True} if after and wanted == most else server.ask(after, wanted)

    with pytest.raises(UnsortedError):
        list_bucket(ask, "", lambda _: 7, threads=8)
