"""One image decoded apart from a run, in a child process: a query's, or an upload.

What does not belong here: a pass over many files (`indexing/decode.py`), and the work in the child
(`images/child_tasks.py`).
"""

from typing import TYPE_CHECKING

from clipper.errors import BadImageError
from clipper.images.child_tasks import Looked, Request, look
from clipper.images.decode import THUMBNAIL_PIXELS, check_size
from clipper.sandbox.process import ChildDied, Sandbox
from clipper.settings import Settings

if TYPE_CHECKING:
    import numpy as np

    from clipper.images.preprocess import Transform


def crop_of(data: bytes, settings: Settings, *, transform: "Transform") -> "np.ndarray":
    """What the model wants to see of one image file's bytes: (s, s, 3) uint8.

    Raises:
        BadImageError: it cannot be decoded, or is over the limits.
    """
    return look_at(data, settings, transform=transform)[0]


def look_at(data: bytes, settings: Settings, *, transform: "Transform") -> "tuple[np.ndarray, bytes]":
    """One image file's bytes, decoded in a child: what the model wants to see, (s, s, 3) uint8; a thumbnail.

    Raises:
        BadImageError: it cannot be decoded, or is over the limits.
    """
    check_size(len(data), most=settings.max_bytes)
    request = _request(settings, transform, cropping=True)
    try:
        with Sandbox(look, seconds=settings.max_seconds) as sandbox:
            looked = Looked.of(sandbox.ask(request.told(), [data]), request)
    except ChildDied as died:
        raise BadImageError(str(died)) from died
    if looked.crop is None or looked.thumbnail is None:
        raise BadImageError(looked.reason)
    return looked.crop, looked.thumbnail


def _request(settings: Settings, transform: "Transform | None", *, cropping: bool) -> Request:
    """The whole image is looked at alike, whether its crop is wanted or was kept from another run."""
    return Request(
        max_bytes=settings.max_bytes,
        max_pixels=settings.max_pixels,
        smallest=max(transform.side if transform else 0, THUMBNAIL_PIXELS),
        transform=transform if cropping else None,
    )
