"""Writes archives of images as the tools do that make them, and lists what lies in them."""

import io
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

Files = Mapping[str, bytes]


def picture(number: int, size: tuple[int, int] = (48, 32), kind: str = "PNG") -> bytes:
    """An image of its own for each number."""
    image = Image.linear_gradient("L").resize(size).convert("RGB")
    image.paste((37 * number % 256, 91 * number % 256, 53 * number % 256), (4, 4, 20, 20))
    out = io.BytesIO()
    image.save(out, kind)
    return out.getvalue()


def pictures(count: int, *, folder: str = "") -> dict[str, bytes]:
    return {f"{folder}{number:03d}.png": picture(number) for number in range(count)}


def write_tar(path: Path, files: Files) -> None:
    with tarfile.open(path, "w") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


def write_zip(path: Path, files: Files, packing: int = zipfile.ZIP_DEFLATED) -> None:
    with zipfile.ZipFile(path, "w", packing) as archive:
        for name, data in files.items():
            archive.writestr(name, data)


def write_stored_zip(path: Path, files: Files) -> None:
    write_zip(path, files, zipfile.ZIP_STORED)


def rows_of(files: Files) -> pa.Table:
    """A table as Hugging Face's datasets write it."""
    cells = [{"bytes": data, "path": name} for name, data in files.items()]
    return pa.table({"label": [*range(len(files))], "image": pa.array(cells)})


def write_parquet(path: Path, files: Files) -> None:
    pq.write_table(rows_of(files), path, row_group_size=3)


def write_arrow_stream(path: Path, files: Files) -> None:
    """As `save_to_disk` writes it."""
    table = rows_of(files)
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=2)


def write_arrow_file(path: Path, files: Files) -> None:
    table = rows_of(files)
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=2)


WRITERS: Mapping[str, Callable[[Path, Files], None]] = {
    "a.tar": write_tar,
    "a.zip": write_zip,
    "stored.zip": write_stored_zip,
    "a.parquet": write_parquet,
    "stream.arrow": write_arrow_stream,
    "file.arrow": write_arrow_file,
}
