"""CLIP through transformers: load it, embed images and text.

What does not belong here: finding a model (`models/source.py`), which images are embedded, and where the
vectors are kept.
"""

import os
import threading
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from clipper.errors import ModelError
from clipper.images.preprocess import Transform
from clipper.imports import collector_paused
from clipper.models.source import ModelSource
from clipper.text import clean

if TYPE_CHECKING:
    import numpy as np
    import torch
    from PIL import Image

# Read by OpenMP when torch is. Its threads spin while they wait, by default, and take the cores from those
# that decode the next images: on two cores embedding took four times as long.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# In float32 the last bit of a vector depends on how many images are embedded with it, unless that is a
# multiple of this: an image gets the same vector whatever run embeds it, alone or among others.
BATCH_MULTIPLE = 8


class Clip:
    """A loaded CLIP. Text is embedded in float32; images in what the device is fast at."""

    def __init__(self, source: ModelSource, *, device: str = "auto", dtype: str = "auto") -> None:
        """Load the weights.

        Raises:
            ModelError: they do not load, or the device is not there.
        """
        with collector_paused():
            from safetensors import SafetensorError
            from transformers import AutoTokenizer, CLIPModel  # noqa: F401 - seconds, here at once

        self.source = source
        self.device, self.dtype = _device_and_dtype(device, dtype)
        self._lock = threading.Lock()
        try:
            self._model = _load(source).to(self.device)
        except (OSError, ValueError, RuntimeError, SafetensorError) as error:
            raise ModelError(f"{source.folder} cannot be loaded: {error}") from error
        self._vision_ready = False

    @cached_property
    def transform(self) -> "Transform":
        """What turns decoded images into the model's input."""
        return Transform.read(self.source.folder, image_size=self.source.image_size)

    def embed_pixels(self, pixels: "np.ndarray") -> "np.ndarray":
        """Embed images that `transform.crop` prepared.

        Args:
            pixels: (n, s, s, 3) uint8.

        Returns:
            (n, d) float32, rows L2-normalised.
        """
        import numpy as np
        import torch

        count = len(pixels)
        pixels = np.concatenate(
            [pixels, np.zeros_like(pixels, shape=(-count % BATCH_MULTIPLE, *pixels.shape[1:]))]
        )
        with self._lock, torch.inference_mode():
            if not self._vision_ready:
                self._model.vision_model.to(self.dtype)
                self._model.visual_projection.to(self.dtype)
                self._vision_ready = True
            batch = self.transform.normalise(torch.from_numpy(pixels).to(self.device))
            output = self._model.get_image_features(pixel_values=batch.to(self.dtype))
        return _normalised(output)[:count]

    def embed_images(self, images: Sequence["Image.Image"]) -> "np.ndarray":
        """Embed upright RGB images: (n, d) float32, rows L2-normalised."""
        import numpy as np

        return self.embed_pixels(np.stack([self.transform.crop(image) for image in images]))

    def embed_texts(self, texts: Sequence[str]) -> "np.ndarray":
        """Embed texts; what is longer than the model's context is cut: (n, d) float32, rows normalised."""
        import torch

        with self._lock, torch.inference_mode():
            tokens = self._tokenizer(
                [clean(text) for text in texts],
                padding=True,
                truncation=True,
                max_length=self._context,
                return_tensors="pt",
            ).to(self.device)
            output = self._model.get_text_features(
                input_ids=tokens["input_ids"], attention_mask=tokens["attention_mask"]
            )
        return _normalised(output)

    @cached_property
    def _tokenizer(self) -> Any:
        from transformers import AutoTokenizer

        try:
            return AutoTokenizer.from_pretrained(self.source.folder, local_files_only=True)
        except (OSError, ValueError) as error:
            raise ModelError(f"the tokenizer of {self.source.folder} cannot be loaded: {error}") from error

    @property
    def _context(self) -> int:
        return int(self._model.config.text_config.max_position_embeddings)


def _load(source: ModelSource) -> Any:
    import torch
    from transformers import CLIPModel
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()  # what does not fit is told below, in one line
    model, told = CLIPModel.from_pretrained(
        source.folder,
        use_safetensors=True,
        trust_remote_code=False,
        local_files_only=True,
        dtype=torch.float32,
        output_loading_info=True,
    )
    if missing := sorted(told["missing_keys"]):  # transformers would only warn, and make them up
        raise ValueError(f"its weights lack {missing[0]} and {len(missing) - 1} more")
    return model.eval()


def _device_and_dtype(device: str, dtype: str) -> "tuple[torch.device, torch.dtype]":
    import torch

    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
        if device == "cpu" and torch.backends.mps.is_available():
            device = "mps"
    try:
        chosen = torch.device(device)
        torch.empty(1, device=chosen)
    except (RuntimeError, AssertionError) as error:
        raise ModelError(f"device = '{device}' is not usable here: {str(error).splitlines()[0]}") from error
    if dtype != "auto":
        return chosen, getattr(torch, dtype)
    if chosen.type == "cpu":
        return chosen, torch.bfloat16 if cpu_has_bf16() else torch.float32
    return chosen, torch.float16


def cpu_has_bf16() -> bool:
    """Whether the CPU multiplies bf16 in hardware; where it only emulates them, float32 is faster."""
    import torch

    for probe in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        if getattr(torch.cpu, probe, bool)():
            return True
    return False


def _normalised(output: Any) -> "np.ndarray":
    import numpy as np

    vectors = getattr(output, "pooler_output", output).float()
    unit = vectors / vectors.norm(dim=-1, keepdim=True).clamp_min(1e-12)
    return np.ascontiguousarray(unit.cpu().numpy())
