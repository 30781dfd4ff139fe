"""Hash images of an object store, and decode them: seconds, and requests an image.

    python benchmarks/hashing.py [IMAGES]

moto's server of S3 runs in a process of its own, which needs the packages of the tests. It lets each request
for an object wait for 30 ms, as a store far away does. "One at a time" is a scan that waits for each object
before it asks for the next.
"""

import io
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
from figures import print_header, print_row
from PIL import Image

from clipper.images.folder import ImageFolder
from clipper.indexing.embed import embed_images
from clipper.indexing.scan import scan, scan_images
from clipper.indexing.staging.workspace import Workspace
from clipper.settings import Settings

TESTS = Path(__file__).resolve().parents[1] / "tests" / "clipper"
IMAGES, DELAY, SIDE = 1_000, 0.03, 160
MANY = 100_000


def serve(count: int) -> None:
    """Serve a bucket until standard input ends; answer each line with the requests since the last one."""
    sys.path.insert(0, str(TESTS))
    from object_store import BUCKET, serve

    random = np.random.default_rng(3)
    pictures = []
    for _ in range(count):
        data = io.BytesIO()
        small = random.integers(0, 256, (20, 20, 3), np.uint8)
        Image.fromarray(small).resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(data, "JPEG", quality=90)
        pictures.append(data.getvalue())
    with serve() as store:
        store.empty(BUCKET)

        def upload(hours: float) -> None:
            for number, data in enumerate(pictures):
                store.write(f"{BUCKET}/photos/{number % 10}/{number:06}.jpg", data)
                store.age(f"{BUCKET}/photos/{number % 10}/{number:06}.jpg", 3600 * hours)

        upload(9)
        store.fault = lambda _, key: time.sleep(DELAY) if key else None
        print(json.dumps([store.url, f"s3://{BUCKET}/photos", sum(map(len, pictures))]), flush=True)
        for line in sys.stdin:
            if line.strip() == "upload":
                upload(0)
            asked = Counter(each.method for each in store.asked if each.key)
            store.asked.clear()
            print(json.dumps(asked), flush=True)


class Server:
    """The process of the server."""

    def __init__(self, count: int) -> None:
        command = [sys.executable, __file__, "serve", str(count)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout
        self.url, self.images, self.bytes = json.loads(self._process.stdout.readline())

    def ask(self, command: str = "") -> dict[str, int]:
        """Return how many requests of each method came since the last time."""
        assert self._process.stdin
        assert self._process.stdout
        print(command, file=self._process.stdin, flush=True)
        return dict(json.loads(self._process.stdout.readline()))

    def close(self) -> None:
        """End the process."""
        self._process.communicate("")


def one_at_a_time(images: str) -> None:
    """Hash all objects, each when the one before is there."""
    folder = ImageFolder(images)
    for image in folder.list_images():
        folder.read(image.id, listed_bytes=image.bytes)


def main(count: int) -> None:
    """Print the table."""
    server = Server(count)
    os.environ |= {
        "AWS_ENDPOINT_URL": server.url, "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_DEFAULT_REGION": "us-east-1",
    }  # fmt: skip
    ImageFolder(server.images).list_images()  # which makes the client
    server.ask()
    print_header(
        f"{count:,} images of {server.bytes / count / 1e3:.0f} kB, {1e3 * DELAY:.0f} ms an object",
        "", "seconds", f"minutes for {MANY:,}", "GETs an image", "other requests an image",
    )  # fmt: skip

    def measure(name: str, work: Callable[[], object]) -> object:
        started = time.perf_counter()
        made = work()
        seconds = time.perf_counter() - started
        asked = server.ask()
        gets = asked.pop("GET", 0)
        others = sum(asked.values())
        print_row(
            name, f"{seconds:.1f}", f"{seconds / count * MANY / 60:.1f}", f"{gets / count:.2f}",
            f"{others / count:.2f}",
        )  # fmt: skip
        return made

    with tempfile.TemporaryDirectory() as home:
        (Path(home) / "store").mkdir()
        work = Workspace(Settings.load(Path(home), images=server.images))
        measure("hashed one at a time", lambda: one_at_a_time(server.images))
        measure("hashed: step `image_manifest`", lambda: scan_images(work))
        measure(
            "decoded: step `image_facts`", lambda: embed_images(work, wanted=("image_facts", "thumbnails"))
        )
        before = work.manifest()[1]
        server.ask("upload")
        after = measure("all uploaded again, scanned", lambda: scan(work.folder, before=before))
        assert after.version == before.version  # type: ignore[attr-defined]
    server.close()


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve(int(sys.argv[2]))
    else:
        main(int(sys.argv[1]) if sys.argv[1:] else IMAGES)
