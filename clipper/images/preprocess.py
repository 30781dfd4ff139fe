"""Turn an image into a model's input, as the settings of its image processor say.

Cropping needs only Pillow and numpy, so that the child that decodes can do it. What does not belong here:
models (`models/clip.py`).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from clipper.errors import ModelError

if TYPE_CHECKING:
    import numpy as np
    import torch
    from PIL import Image


MAX_SIDE = 4096  # pixels; CLIP models take some hundreds


@dataclass(frozen=True)
class Transform:
    """The settings of an image processor, applied with Pillow and one normalisation a batch.

    The pixels are those of transformers' CLIPImageProcessor (within 0.015 after normalising), in half the
    time: the centre is cropped while resizing, so that no pixel is resized and then cut off.
    """

    side: int
    crop_side: int
    resample: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    @classmethod
    def read(cls, folder: Path, *, image_size: int) -> "Transform":
        """Read a model folder's preprocessor_config.json; a missing key gets CLIP's own value.

        Args:
            folder: of the model.
            image_size: the side of the model's images in pixels, if the file has none.

        Raises:
            ModelError: the file is damaged, or does not describe an image processor.
        """
        path = folder / "preprocessor_config.json"
        try:
            config = json.loads(path.read_text("utf-8"))
        except FileNotFoundError:
            config = {}
        except ValueError as error:
            raise ModelError(f"{path} is not valid JSON: {error}") from error
        try:
            return cls.from_config(config, image_size=image_size)
        except (TypeError, ValueError, AttributeError) as error:
            raise ModelError(f"{path} is not that of an image processor: {error}") from error

    @classmethod
    def from_config(cls, config: Mapping[str, Any], *, image_size: int) -> Self:
        """Read the settings as transformers writes them.

        Raises:
            ValueError, TypeError, AttributeError: a setting is malformed.
        """
        made = cls(
            side=_side(config.get("size"), image_size),
            crop_side=_side(config.get("crop_size"), image_size),
            resample=int(config.get("resample", 3)),
            mean=_colour(config.get("image_mean", (0.48145466, 0.4578275, 0.40821073))),
            std=_colour(config.get("image_std", (0.26862954, 0.26130258, 0.27577711))),
        )
        if not (1 <= made.crop_side <= MAX_SIDE and 1 <= made.side <= MAX_SIDE):
            raise ValueError(
                f"size {made.side} and crop_size {made.crop_side} are not possible sides of an image"
            )
        if not all(made.std):
            raise ValueError("image_std is 0")
        return made

    def crop(self, image: "Image.Image") -> "np.ndarray":
        """Crop and resize the centre of an upright RGB image: (s, s, 3) uint8."""
        import numpy as np

        width, height = image.size
        part = min(width, height) * self.crop_side / self.side
        left, top = (width - part) / 2, (height - part) / 2
        box = (max(left, 0.0), max(top, 0.0), min(left + part, width), min(top + part, height))
        size = (self.crop_side, self.crop_side)
        return np.asarray(image.resize(size, self.resample, box=box, reducing_gap=None))

    def normalise(self, pixels: "torch.Tensor") -> "torch.Tensor":
        """Normalise (n, s, s, 3) uint8 to (n, 3, s, s) float32, with the training's mean and deviation."""
        import torch

        mean = torch.tensor(self.mean, device=pixels.device).view(1, 3, 1, 1)
        std = torch.tensor(self.std, device=pixels.device).view(1, 3, 1, 1)
        return (pixels.permute(0, 3, 1, 2).float() / 255.0 - mean) / std


def _colour(values: Any) -> tuple[float, float, float]:
    red, green, blue = map(float, values)
    return red, green, blue


def _side(size: Any, default: int) -> int:
    if isinstance(size, dict):
        return int(size.get("shortest_edge") or size.get("height") or default)
    return int(size or default)
