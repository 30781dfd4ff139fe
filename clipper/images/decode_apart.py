"""Decode one image outside of a run, in a child process: an image that is searched for, or an upload.

Each image gets a child that has seen no other; the next one is started ahead (`sandbox/spare.py`). What does
not belong here: a pass over many files (`indexing/contents/decode.py`), and the work in the child
(`images/child_tasks.py`).
"""

import io
import os
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from clipper.errors import BadImageError
from clipper.images.child_tasks import DecodeRequest, DecodeResult, decode_file, decoded_side
from clipper.images.decode import check_size
from clipper.sandbox.process import ChildDied, Function
from clipper.sandbox.spare import SpareSandbox
from clipper.settings import Settings

if TYPE_CHECKING:
    import numpy as np

    from clipper.images.preprocess import Transform


def decode_apart(data: bytes, settings: Settings, *, transform: "Transform") -> "tuple[np.ndarray, bytes]":
    """Decode the bytes of one image file in a child process of its own.

    Returns:
        the model's input, (s, s, 3) uint8, and a thumbnail, WebP.

    Raises:
        BadImageError: the file cannot be decoded, or is over the limits of `settings`.
    """
    check_size(len(data), max_bytes=settings.max_bytes)
    request = DecodeRequest(
        max_bytes=settings.max_bytes,
        max_pixels=settings.max_pixels,
        min_side=decoded_side(transform),
        transforms=(transform,),
    )
    try:
        answer = spare(decode_file, os.getpid()).ask(request.to_json(), [data], seconds=settings.max_seconds)
    except ChildDied as died:
        raise BadImageError(str(died)) from died
    result = DecodeResult.from_message(answer, request)
    if result.thumbnail is None or (crop := next(iter(result.crops), None)) is None:
        raise BadImageError(result.reason)
    return crop, result.thumbnail


@cache
def spare(function: Function, pid: int) -> SpareSandbox:  # noqa: ARG001 - a forked process has no thread of its parent
    """Return the children of this process for one function."""
    return SpareSandbox(function, warm_up=_harmless)


def _harmless() -> tuple[dict[str, Any], Sequence[bytes]]:
    """Make a request that loads what decoding needs: a small grey JPEG."""
    from PIL import Image

    data = io.BytesIO()
    Image.new("RGB", (64, 64), "grey").save(data, "JPEG")
    return DecodeRequest(max_bytes=1 << 20, max_pixels=1 << 20).to_json(), [data.getvalue()]
