"""Compare images in tar shards with the same images as files: vectors, seconds, requests.

    python benchmarks/archives.py [IMAGES] [s3]

Images are made by changing those of the sample. Each home is indexed up to the vectors: first one kind, then
the other, again and again in turn. With `s3`, both lie on an S3 server that runs on this machine, which needs
`pip install s3fs "moto[server]"`; its requests are counted.
"""

import io
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import fsspec
import numpy as np
from figures import print_header, print_row
from PIL import Image

from clipper.indexing.embed import embed_images
from clipper.indexing.scan import scan_images
from clipper.indexing.staging.workspace import Workspace
from clipper.models import source as model_files
from clipper.settings import Settings
from clipper.store import embeddings
from clipper.store.home import Home

DATA = Path(__file__).resolve().parents[1] / "data"
MODEL = DATA / "models" / "clip-emoji"
IMAGES, SHARD, ROUNDS = 10_000, 1_000, 3
SIDE = 256  # pixels


def pictures(count: int) -> Iterator[tuple[str, bytes]]:
    """Yield images as cameras write them, each of its own: a sample image, tinted and enlarged."""
    files = sorted((DATA / "images").glob("*.jpg"))
    random = np.random.default_rng(3)
    for number in range(count):
        image = Image.open(files[number % len(files)]).convert("RGB").resize((SIDE, SIDE))
        tint = Image.new("RGB", image.size, tuple(random.integers(0, 256, 3).tolist()))
        out = io.BytesIO()
        Image.blend(image, tint, 0.2).save(out, "JPEG", quality=90)
        yield f"{number:06d}.jpg", out.getvalue()


def write(folder: str, count: int) -> None:
    """Write the images twice: as files, and in shards."""
    files, root = fsspec.core.url_to_fs(folder)
    for part in ("loose", "shards"):
        files.makedirs(f"{root}/{part}", exist_ok=True)
    shard: list[tuple[str, bytes]] = []
    for number, (name, data) in enumerate(pictures(count), 1):
        files.pipe_file(f"{root}/loose/{name}", data)
        shard.append((name, data))
        if len(shard) == SHARD or number == count:
            files.pipe_file(f"{root}/shards/{number // SHARD:04d}.tar", tar_of(shard))
            shard = []


def tar_of(shard: list[tuple[str, bytes]]) -> bytes:
    """Return a tar of some files."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, data in shard:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def embed(home: Path) -> float:
    """Index a home up to its vectors; return the seconds."""
    work = Workspace(Settings.load(home))
    started = time.perf_counter()
    with work.home.writing():
        scan_images(work)
        embed_images(work)
    return time.perf_counter() - started


def make_home(folder: Path, name: str, images: str) -> Path:
    """Make a home without an index."""
    home = folder / name
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir()
    (home / "clipper.toml").write_text(f'images = "{images}"\nmodel = "{MODEL}"\n')
    return home


def vectors(home: Path) -> dict[bytes, list[float]]:
    """Return the vector of each content."""
    model = model_files.find(Settings.load(home))
    store = embeddings.store(
        Home(home).embeddings(model.key), dimensions=model.dimensions, fingerprint=model.fingerprint
    )
    rows = store.table().to_pylist()
    return {row["content_hash"]: row["vector"] for row in rows}


@contextmanager
def s3_server() -> Iterator[Path]:
    """Run an S3 server on this machine; yield the file with a line for each request."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    os.environ |= {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": "us-east-1",
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "requests"
        with log.open("w") as said:
            server = subprocess.Popen(
                [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
                stdout=said,
                stderr=said,
            )
            try:
                await_port(port)
                yield log
            finally:
                server.kill()
                server.wait()


def await_port(port: int) -> None:
    """Wait until a server answers."""
    for _ in range(300):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise SystemExit("the S3 server does not answer")


def requests(log: Path | None) -> int:
    """Return how many requests the server answered so far."""
    return log.read_text().count('HTTP/1.1"') if log else 0


def measure(folder: str, homes: Path, count: int, log: Path | None) -> None:
    """Write the images, index both kinds in turn, and print what it took."""
    write(folder, count)
    locations = {"loose": f"{folder}/loose", "shards": f"{folder}/shards/*.tar"}
    seconds: dict[str, list[float]] = {name: [] for name in locations}
    asked: dict[str, list[int]] = {}
    for _ in range(ROUNDS):
        for name, images in locations.items():
            home = make_home(homes, name, images)
            before = requests(log)
            seconds[name].append(embed(home))
            first = requests(log) - before
            embed(home)
            asked[name] = [first, requests(log) - before - first]
    same = vectors(homes / "loose") == vectors(homes / "shards")
    print_header(
        "Embedding", "kind", "images", "seconds (median)", "images/s", "requests", "unchanged: requests"
    )
    for name, each in seconds.items():
        middle = statistics.median(each)
        print_row(
            name, count, f"{middle:.1f}", f"{count / middle:.0f}", *(asked[name] if log else ("-", "-"))
        )
    ratio = statistics.median(seconds["shards"]) / statistics.median(seconds["loose"])
    shards = -(-count // SHARD)
    print(
        f"\nshards take {ratio:.2f} of the time of files; the vectors are {'the same' if same else 'OTHERS'}"
    )
    if log:
        print(f"an unchanged run makes {asked['shards'][1] / shards:.1f} requests a shard ({shards} shards)")


def main() -> None:
    """Measure as the command line says."""
    words = sys.argv[1:]
    count = next((int(word) for word in words if word.isdigit()), IMAGES)
    with tempfile.TemporaryDirectory() as homes:
        if "s3" in words:
            with s3_server() as log:
                fsspec.filesystem("s3").mkdir("pictures")
                measure("s3://pictures", Path(homes), count, log)
        else:
            measure(f"{homes}/images", Path(homes), count, None)


if __name__ == "__main__":
    main()
