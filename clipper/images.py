"""Image files: find them in a folder, open ONE safely, tell its facts, make its thumbnail.

What does not belong here: what is remembered between runs (manifest, shards) and what the model wants to see.
"""

import io
import json
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipper.errors import ImagesError
from clipper.settings import is_url

if TYPE_CHECKING:
    from PIL import Image

# Bumped when the same bytes would give other facts, other thumbnails or other pixels.
DECODER_VERSION = "1"
THUMBNAIL_PIXELS = 128
# Decoders of Pillow itself. EPS and PDF are left out on purpose: they start an interpreter.
FORMATS = (
    "JPEG", "MPO", "PNG", "WEBP", "GIF", "TIFF", "AVIF", "BMP", "DIB", "PPM", "JPEG2000", "ICO", "TGA",
)  # fmt: skip
SUFFIXES = frozenset(
    [".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".gif", ".tif", ".tiff", ".avif", ".bmp", ".dib", ".ppm", ".pgm", ".pbm", ".pnm", ".jp2", ".j2k", ".ico", ".tga", ".heic", ".heif"]
)
# Never part of a dataset: homes, version control, thumbnails and bins of desktops and servers.
SKIPPED_FOLDERS = frozenset({"@eaDir", "__MACOSX", "#recycle", "$RECYCLE.BIN", "lost+found"})

_EXIF_IFD, _ORIENTATION, _DATE = 0x8769, 0x0112, 0x9003
_CAMERA = {"make": 0x010F, "model": 0x0110}
_EXPOSURE = {"lens": 0xA434, "focal_length": 0x920A, "iso": 0x8827}


class BadImageError(Exception):
    """One file cannot be used; the message is the reason, in words for its owner."""


@dataclass(frozen=True)
class FoundImage:
    """A file of the folder, not opened yet. `id` is its path below the folder, with `/`."""

    id: str
    bytes: int
    mtime_ns: int


@dataclass(frozen=True)
class Decoded:
    """One decoded image: upright RGB pixels and what was told about the file.

    `facts` has `width`, `height` (pixels, upright), `format` and what EXIF tells of the shot.
    """

    pixels: "Image.Image"
    facts: dict[str, Any]


class ImageFolder:
    """A folder of images: on this machine, or behind an fsspec URL."""

    def __init__(self, location: str, *, max_bytes: int = 1 << 29) -> None:
        self.location = location
        self.max_bytes = max_bytes
        self.remote = is_url(location)

    def find(self) -> list[FoundImage]:
        """All image files, sorted by id; folders that begin with a dot are not entered.

        Raises:
            ImagesError: the folder is missing or cannot be read.
        """
        found = self._find_remote() if self.remote else _walk(Path(self.location))
        return sorted(found, key=lambda image: image.id)

    def path(self, image_id: str) -> str:
        """Where an image lies: an absolute path, or a URL."""
        return f"{self.location.rstrip('/')}/{image_id}"

    def read(self, image_id: str) -> bytes:
        """The file's bytes.

        Raises:
            BadImageError: it is gone, not a regular file, unreadable or larger than the limit.
        """
        try:
            data = self._read_remote(image_id) if self.remote else self._read_local(image_id)
        except OSError as error:
            raise BadImageError(f"cannot be read: {error.strerror or error}") from error
        if not data:
            raise BadImageError("is empty (0 bytes)")
        return data

    def read_beside(self, name: str) -> bytes | None:
        """A file that lies among the images, such as metadata.json; None when there is none."""
        try:
            return self._read_remote(name) if self.remote else Path(self.path(name)).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ImagesError(f"{self.path(name)} cannot be read: {error.strerror}") from error

    def _read_local(self, image_id: str) -> bytes:
        # O_NONBLOCK: a FIFO that got an image's name must not stop the run.
        descriptor = os.open(self.path(image_id), os.O_RDONLY | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise BadImageError("is not a regular file")
            self._check_size(status.st_size)
            return file.read(self.max_bytes)

    def _read_remote(self, name: str) -> bytes:
        files, root = _filesystem(self.location)
        path = f"{root}/{name}"
        self._check_size(int(files.size(path) or 0))
        return bytes(files.cat_file(path))

    def _check_size(self, size: int) -> None:
        if size > self.max_bytes:
            raise BadImageError(f"has {size:,} bytes, more than the limit of {self.max_bytes:,} (max_bytes)")

    def _find_remote(self) -> Iterator[FoundImage]:
        files, root = _filesystem(self.location)
        try:
            entries = files.find(root, detail=True)
        except (OSError, ValueError) as error:
            raise ImagesError(f"{self.location} cannot be listed: {error}") from error
        for path, entry in entries.items():
            image_id = path[len(root) :].lstrip("/")
            if _wanted(image_id):
                changed = entry.get("mtime") or entry.get("LastModified") or entry.get("created")
                yield FoundImage(image_id, int(entry.get("size") or 0), _nanoseconds(changed))


def content_hash(data: bytes) -> bytes:
    """The identity of a file's bytes: 16 bytes of BLAKE2b."""
    return blake2b(data, digest_size=16).digest()


def decode(data: bytes, *, max_pixels: int, smallest: int) -> Decoded:
    """Decode one image to upright RGB, the first frame of an animation, transparency on white.

    Args:
        data: the file's bytes.
        max_pixels: a larger image is refused before it is decoded.
        smallest: what the pixels are for needs no more than this shorter side; a JPEG is decoded at
            the next eighth above twice that (`draft()`), which is several times faster.

    Raises:
        BadImageError: with the reason.
    """
    pillow = _pillow()
    try:
        with pillow.open(io.BytesIO(data), formats=FORMATS) as image:
            width, height = image.size
            if width * height > max_pixels:
                raise BadImageError(
                    f"has {width:,} x {height:,} pixels, more than the limit of {max_pixels:,} (max_pixels)"
                )
            kind = str(image.format)
            image.draft(None, (2 * smallest, 2 * smallest))
            exif = image.getexif()
            pixels = _upright(_to_rgb(image), exif.get(_ORIENTATION))
            turned = exif.get(_ORIENTATION) in (5, 6, 7, 8)
            size = (height, width) if turned else (width, height)
            facts = {"width": size[0], "height": size[1], "format": kind, **_shot(exif)}
    except BadImageError:
        raise
    except Exception as error:
        # Pillow's decoders raise a dozen unrelated kinds for hostile bytes: this is the one boundary.
        raise BadImageError(_reason(error, data)) from error
    return Decoded(pixels, facts)


def thumbnail(pixels: "Image.Image", *, side: int = THUMBNAIL_PIXELS) -> bytes:
    """A WebP of at most `side` pixels on its longer side."""
    small = pixels.copy()
    small.thumbnail((side, side), reducing_gap=2.0)
    buffer = io.BytesIO()
    small.save(buffer, "WEBP", quality=82, method=2)
    return buffer.getvalue()


def encode_facts(facts: dict[str, Any]) -> str:
    """Facts as one line of JSON, keys sorted, so that equal facts are equal bytes."""
    return json.dumps(facts, sort_keys=True, ensure_ascii=False)


def _pillow() -> Any:
    from PIL import Image

    # Our own limit is checked before any pixel is decoded, and is a setting; Pillow's would only warn.
    Image.MAX_IMAGE_PIXELS = None
    Image.init()  # registers the formats; it does so once
    return Image


def _walk(root: Path) -> Iterator[FoundImage]:
    if not root.is_dir():
        raise ImagesError(
            f"the images folder {root} does not exist; check `images` in clipper.toml, or mount it"
        )
    folders = [""]
    while folders:
        below = folders.pop()
        try:
            entries = list(os.scandir(root / below))
        except OSError as error:
            if below == "":
                raise ImagesError(f"{root} cannot be read: {error.strerror}") from error
            continue
        for entry in entries:
            image_id = f"{below}/{entry.name}" if below else entry.name
            if entry.is_dir(follow_symlinks=False):
                if not entry.name.startswith(".") and entry.name not in SKIPPED_FOLDERS:
                    folders.append(image_id)
            elif _wanted(image_id):
                yield _describe(entry, image_id)


def _describe(entry: "os.DirEntry[str]", image_id: str) -> FoundImage:
    try:
        status = entry.stat()
    except OSError:  # a broken link: told when it is read
        return FoundImage(image_id, 0, 0)
    return FoundImage(image_id, status.st_size, status.st_mtime_ns)


def _wanted(image_id: str) -> bool:
    folders, _, name = image_id.rpartition("/")
    hidden = name.startswith(".") or any(part.startswith(".") for part in folders.split("/"))
    return not hidden and os.path.splitext(name)[1].lower() in SUFFIXES  # noqa: PTH122 - 10x faster


def _filesystem(location: str) -> tuple[Any, str]:
    import fsspec

    try:
        files, root = fsspec.core.url_to_fs(location)
    except (ImportError, ValueError) as error:
        raise ImagesError(f"{location} cannot be opened: {error}") from error
    return files, str(root).rstrip("/")


def _nanoseconds(changed: Any) -> int:
    if isinstance(changed, datetime):
        return int(changed.timestamp() * 1e9)
    return int(float(changed or 0) * 1e9)


def _to_rgb(image: "Image.Image") -> "Image.Image":
    if image.mode.startswith("I") or image.mode == "F":
        image = _to_8_bit(image)
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        from PIL import Image

        layer = image.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(white, layer).convert("RGB")
    return image.convert("RGB")


def _to_8_bit(image: "Image.Image") -> "Image.Image":
    """16-bit greys by their type's range; 32-bit integers and floats by their own."""
    import numpy as np
    from PIL import Image

    values = np.asarray(image).astype(np.float32)
    if image.mode.startswith("I;16"):
        low, high = 0.0, 65535.0
    else:
        finite = values[np.isfinite(values)]
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
        if image.mode == "I" and low >= 0 and high <= 65535:  # noqa: PLR2004 - a 16-bit PNG opens as I
            low, high = 0.0, 65535.0
    scaled = (np.nan_to_num(values, nan=low) - low) / max(high - low, 1e-12)
    return Image.fromarray((scaled.clip(0, 1) * 255 + 0.5).astype(np.uint8))


def _upright(image: "Image.Image", orientation: Any) -> "Image.Image":
    from PIL.Image import Transpose

    turns = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    turn = turns.get(orientation) if isinstance(orientation, int) else None
    return image if turn is None else image.transpose(turn)


def _shot(exif: Any) -> dict[str, Any]:
    """When and with what a photograph was taken; what is malformed is left out.

    Places (GPS) are left out as well: a map that is shown to others should not tell where people live.
    """
    try:
        exposure = exif.get_ifd(_EXIF_IFD)
        facts = {
            "taken_at": _timestamp(exposure.get(_DATE)),
            "camera": _camera(*(_text(exif.get(tag)) for tag in _CAMERA.values())),
            "lens": _text(exposure.get(_EXPOSURE["lens"])),
            "focal_length": _number(exposure.get(_EXPOSURE["focal_length"])),
            "iso": _number(exposure.get(_EXPOSURE["iso"])),
        }
    except Exception:  # noqa: BLE001 - as for pixels: hostile EXIF raises anything, and costs only itself
        return {}
    return {key: value for key, value in facts.items() if value not in (None, "")}


def _text(value: Any) -> str:
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    return re.sub(r"[\x00-\x1f\x7f]+", " ", text).strip()[:200] if isinstance(text, str) else ""


def _camera(make: str, model: str) -> str:
    return model if model.lower().startswith(make.lower()) else f"{make} {model}".strip()


def _number(value: Any) -> float | None:
    if isinstance(value, tuple):
        value = value[0] if value else None
    try:
        number = float(value)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return round(number, 4) if abs(number) < 1e9 else None  # noqa: PLR2004 - not NaN, not infinite


def _timestamp(value: Any) -> str | None:
    try:
        taken = datetime.strptime(_text(value), "%Y:%m:%d %H:%M:%S")  # noqa: DTZ007 - EXIF has no zone
    except ValueError:
        return None
    return taken.isoformat()


def _reason(error: Exception, data: bytes) -> str:
    if b"ftyphei" in data[:32] or b"ftypmif1" in data[:32]:
        return "is HEIF, which Clipper does not read; convert it to JPEG or AVIF"
    if "cannot identify image file" in str(error):
        return "is not an image of a format Clipper reads"
    return f"cannot be decoded: {re.sub(chr(10), ' ', str(error))[:200] or type(error).__name__}"
