"""Turn an image into a model's input, as the settings of its image processor say.

Cropping needs only Pillow and numpy, so that the child that decodes can do it. What does not belong here:
models (`models/encoder.py`), and which settings a kind of model has by default (`models/families/`).
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from clipper.access import owner_of
from clipper.errors import ANOTHER_MODEL, ModelError
from clipper.text import reason_of

if TYPE_CHECKING:
    import numpy as np
    import torch
    from PIL import Image


MAX_SIDE = 4096  # pixels; image models take some hundreds
# How an image comes to one size. "centre": its middle, to a fraction of a pixel, as Clipper has always done
# for CLIP. "crop": the whole of it so that its shorter side fits, then whole pixels of the middle. "round":
# the same, with margins that are rounded as torchvision does. "squash": both of its sides, then whole pixels
# of the middle.
Fit = Literal["centre", "crop", "round", "squash"]
# What a value of JSON that is not of its kind may raise where it is read.
MALFORMED = (TypeError, ValueError, AttributeError, LookupError, ArithmeticError, RecursionError)
# The settings of CLIP's image processor, for keys that a file lacks; sizes are then those of the model.
CLIP_DEFAULTS: Mapping[str, Any] = {
    "do_center_crop": True,
    "resample": 3,
    "image_mean": (0.48145466, 0.4578275, 0.40821073),
    "image_std": (0.26862954, 0.26130258, 0.27577711),
}
_RESCALE = 1 / 255
_RESAMPLING = range(6)  # Pillow's filters
# An image that is resized to at most this many times the pixels of the crop is resized as a whole, to the
# same pixels as the processor's. Of a longer one only the middle is: a pixel in thousands may be rounded to
# the other side.
_RESIZED_WHOLE = 4
Box = tuple[float, float, float, float]  # left, top, right and bottom, in pixels


@dataclass(frozen=True)
class Transform:
    """The settings of an image processor, applied with Pillow and one normalisation a batch.

    The middle of a long image is cropped while resizing, so that few pixels are resized and then cut off.
    With "crop" and "squash" the pixels are those of transformers' image processor, with "round" those of
    OpenCLIP. With "centre" they are up to half a pixel aside: transformers rounds the longer side and the
    margins to whole pixels.

    `side` is the length in pixels to which the shorter side, or both, would be resized, and `crop_side` that
    of the part that is kept. A pixel from 0 to 255 becomes `(pixel * rescale - mean) / std`.
    """

    side: int
    crop_side: int
    resample: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    fit: Fit = "centre"
    rescale: float = _RESCALE

    @classmethod
    def read(
        cls,
        folder: Path,
        *,
        image_size: int,
        defaults: Mapping[str, Any] = CLIP_DEFAULTS,
        fit: Fit = "centre",
    ) -> "Transform":
        """Read the settings of a model folder's image processor.

        Args:
            folder: of the model.
            image_size: the side of the model's images in pixels, if the file has none.
            defaults: for keys that the file lacks.
            fit: how images come to one size if the file asks for the shorter side to fit.

        Raises:
            ModelError: the file is damaged, or does not describe an image processor.
        """
        path, config = read_processor(folder)
        try:
            return cls.from_config(config, image_size=image_size, defaults=defaults, fit=fit)
        except MALFORMED as error:
            raise ModelError(
                f"{path} is not that of an image processor: {reason_of(error)}; {ANOTHER_MODEL}"
            ) from error

    @classmethod
    def from_config(
        cls,
        config: Mapping[str, Any],
        *,
        image_size: int,
        defaults: Mapping[str, Any] = CLIP_DEFAULTS,
        fit: Fit = "centre",
    ) -> Self:
        """Read the settings as transformers writes them.

        Raises:
            TypeError, ValueError, AttributeError, LookupError, ArithmeticError, RecursionError: a setting is
                malformed, or images stay of several sizes (`MALFORMED`).
        """
        asked = {**defaults, **{key: value for key, value in config.items() if value is not None}}
        if fit != "centre" and not asked.get("do_resize", True):
            raise ValueError("do_resize is off, and without it images are of several sizes")
        side, squashed = _resized(asked, image_size)
        cropped = bool(asked.get("do_center_crop", False)) and config.get("do_center_crop", True) is not None
        crop_side = _side(asked.get("crop_size"), image_size) if cropped or not squashed else side
        resample = int(asked.get("resample", 3))
        if resample not in _RESAMPLING:
            raise ValueError(f"resample is {resample}, and filters have the numbers 0 to {_RESAMPLING[-1]}")
        made = cls(
            side=side,
            crop_side=crop_side,
            resample=resample,
            fit="squash" if squashed else fit,
            **_colours(asked),
        )
        if not (1 <= made.crop_side <= MAX_SIDE and 1 <= made.side <= MAX_SIDE):
            raise ValueError(
                f"size {made.side} and crop_size {made.crop_side} are not possible sides of an image"
            )
        if made.fit != "centre" and made.crop_side > made.side:
            raise ValueError(f"crop_size {made.crop_side} is larger than size {made.side}")
        return made

    def crop(self, image: "Image.Image") -> "np.ndarray":
        """Crop and resize the middle of an upright RGB image: (s, s, 3) uint8."""
        import numpy as np

        if self.fit == "centre":
            box = self._centre(*image.size)
        else:
            across, down, left, top = self._whole_pixels(*image.size)
            if across * down <= _RESIZED_WHOLE * self.crop_side**2:
                whole = image.resize((across, down), self.resample, reducing_gap=None)
                kept = np.asarray(whole)[top : top + self.crop_side, left : left + self.crop_side]
                return np.ascontiguousarray(kept)
            box = self._grid(image.size, (across, down), (left, top))
        size = (self.crop_side, self.crop_side)
        return np.asarray(image.resize(size, self.resample, box=box, reducing_gap=None))

    def _centre(self, width: int, height: int) -> Box:
        """Return the part of an image that becomes the crop, to a fraction of a pixel."""
        part = min(width, height) * self.crop_side / self.side
        left, top = (width - part) / 2, (height - part) / 2
        return max(left, 0.0), max(top, 0.0), min(left + part, width), min(top + part, height)

    def _whole_pixels(self, width: int, height: int) -> tuple[int, int, int, int]:
        """Return the size to which the whole of an image would be resized, and the margins of the crop."""
        shorter = min(width, height)
        squashed = self.fit == "squash"
        across = self.side if squashed else self.side * width // shorter
        down = self.side if squashed else self.side * height // shorter
        margins = across - self.crop_side, down - self.crop_side
        left, top = (round(m / 2) if self.fit == "round" else m // 2 for m in margins)
        return across, down, left, top

    def _grid(self, size: tuple[int, int], resized: tuple[int, int], margins: tuple[int, int]) -> Box:
        """Return the part of an image whose pixels are those of the crop, were it resized as a whole."""
        (width, height), (across, down), (left, top) = size, resized, margins
        right, bottom = (left + self.crop_side) * width / across, (top + self.crop_side) * height / down
        return left * width / across, top * height / down, min(right, width), min(bottom, height)

    def normalise(self, pixels: "torch.Tensor") -> "torch.Tensor":
        """Normalise (n, s, s, 3) uint8 to (n, 3, s, s) float32, with the training's mean and deviation."""
        return Normalisation(self, pixels.device)(pixels)

    @property
    def has_usual_scale(self) -> bool:
        """Whether colours become numbers from 0 to 1 before mean and deviation, as with most models."""
        return self.rescale == _RESCALE


class Normalisation:
    """A transform's normalisation on one device. It copies nothing there when it is called."""

    def __init__(self, transform: Transform, device: "torch.device") -> None:
        """Copy mean and deviation to the device."""
        import torch

        self._rescale, self._is_usual = transform.rescale, transform.has_usual_scale
        self._mean = torch.tensor(transform.mean, device=device).view(1, 3, 1, 1)
        self._std = torch.tensor(transform.std, device=device).view(1, 3, 1, 1)

    def __call__(self, pixels: "torch.Tensor") -> "torch.Tensor":
        """Normalise (n, s, s, 3) uint8 of the device to (n, 3, s, s) float32."""
        floats = pixels.permute(0, 3, 1, 2).float()
        # The quotient of CLIP's pixels, to the last bit: vectors of earlier runs stand beside new ones.
        scaled = floats / 255.0 if self._is_usual else floats * self._rescale
        return (scaled - self._mean) / self._std


def read_processor(folder: Path) -> tuple[Path, dict[str, Any]]:
    """Read the settings of an image processor, and return them with their file; {} if there is none.

    transformers 5 writes them into processor_config.json, and earlier ones into preprocessor_config.json; it
    reads the former first.

    Raises:
        ModelError: a file is damaged.
    """
    old, new = folder / "preprocessor_config.json", folder / "processor_config.json"
    whole = _read_if_there(new)
    nested = whole.get("image_processor") if isinstance(whole, dict) else None
    return (new, nested) if isinstance(nested, dict) else (old, _read_own(old))


def read_before(folder: Path, *, image_size: int) -> Transform:
    """Read a CLIP's image processor as Clipper did when it looked at five settings of it, and at no others.

    Raises:
        ModelError: the file is damaged.
        TypeError, ValueError, AttributeError, LookupError, ArithmeticError, RecursionError: a setting is
            malformed (`MALFORMED`).
    """
    config = _read_own(folder / "preprocessor_config.json")
    known = {name: config[name] for name in ("resample", "image_mean", "image_std") if name in config}
    sides = {name: _side(config.get(name), image_size) for name in ("size", "crop_size")}
    return Transform.from_config(known | sides, image_size=image_size)


def _read_own(path: Path) -> dict[str, Any]:
    config = _read_if_there(path)
    if not isinstance(config, dict):
        raise ModelError(f"{path} is not that of an image processor: it is no JSON object")
    return config


def _read_if_there(path: Path) -> Any:
    try:
        return read_json(path)
    except FileNotFoundError:
        return {}


def read_json(path: Path) -> Any:
    """Read a JSON file of a model.

    Raises:
        FileNotFoundError: there is none.
        ModelError: it is damaged, or cannot be read.
    """
    try:
        return json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise
    except RecursionError as error:
        raise ModelError(f"{path} is not valid JSON: it is nested too deeply; {ANOTHER_MODEL}") from error
    except ValueError as error:
        raise ModelError(f"{path} is not valid JSON: {reason_of(error)}; {ANOTHER_MODEL}") from error
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror or error}{owner_of(path)}") from error


def _resized(asked: Mapping[str, Any], image_size: int) -> tuple[int, bool]:
    """Return the side to which an image is resized, and whether it is for both of its sides."""
    size = asked.get("size")
    if not isinstance(size, dict):
        return _side(size, image_size), bool(asked.get("default_to_square", False))
    if size.get("shortest_edge"):
        if size.get("longest_edge"):
            raise ValueError("a size with a longest_edge gives images of several sizes")
        return int(size["shortest_edge"]), False
    height, width = int(size.get("height") or image_size), int(size.get("width") or image_size)
    if height != width:
        raise ValueError(f"size {height} x {width} is not square, and only square images can be used")
    return height, True


def _colours(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return `rescale`, `mean` and `std` of what the settings do to the colour of a pixel."""
    rescale = float(asked.get("rescale_factor", _RESCALE)) if asked.get("do_rescale", True) else 1.0
    rescale = _RESCALE if math.isclose(rescale, _RESCALE, rel_tol=1e-6) else rescale  # some files round it
    given = (_colour(asked["image_mean"]), _colour(asked["image_std"]))
    if not all(given[1]):
        raise ValueError("image_std is 0")
    mean, std = given if asked.get("do_normalize", True) else ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    if asked.get("rescale_offset", False):  # EfficientNet's, after the factor
        mean = _colour([value + 1.0 for value in mean])
    if asked.get("include_top", False):  # EfficientNet's, a second division after the first
        std = _colour([value * again for value, again in zip(std, given[1], strict=True)])
    if not all(map(math.isfinite, (rescale, *mean, *std))) or not all((rescale, *std)):
        raise ValueError("rescale_factor, image_mean or image_std is 0, infinite or no number")
    return {"rescale": rescale, "mean": mean, "std": std}


def _colour(values: Any) -> tuple[float, float, float]:
    red, green, blue = map(float, values)
    return red, green, blue


def _side(size: Any, default: int) -> int:
    if isinstance(size, dict):
        return int(size.get("shortest_edge") or size.get("height") or default)
    return int(size or default)
