"""Decode one image outside of a run, in a child process: an image that is searched for, or an upload.

What does not belong here: a pass over many files (`indexing/contents/decode.py`), and the work in the child
(`images/child_tasks.py`).
"""

from typing import TYPE_CHECKING

from clipper.errors import BadImageError
from clipper.images.child_tasks import DecodeRequest, DecodeResult, decode_file
from clipper.images.decode import check_size
from clipper.sandbox.process import ChildDied, Sandbox
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
    request = DecodeRequest.within(settings, transform, with_crop=True)
    try:
        with Sandbox(decode_file, seconds=settings.max_seconds) as sandbox:
            result = DecodeResult.from_message(sandbox.ask(request.to_json(), [data]), request)
    except ChildDied as died:
        raise BadImageError(str(died)) from died
    if result.crop is None or result.thumbnail is None:
        raise BadImageError(result.reason)
    return result.crop, result.thumbnail
