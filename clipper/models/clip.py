"""CLIP through transformers: load it, embed images and texts.

What does not belong here: finding a model (`models/source.py`), choosing images, and keeping vectors
(`store/embeddings.py`).
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

# OpenMP reads this when torch is imported. By default its threads spin while they wait, and take the cores
# from the processes that decode the next images: on two cores embedding took four times as long.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# Batches are padded to a multiple of this. In float32 the last bit of a vector depends on the batch size, but
# not for such multiples: an image gets the same vector in every run, alone or among others.
BATCH_MULTIPLE = 8


class Clip:
    """A loaded CLIP. Texts are embedded in float32, images in the type that is fastest on the device."""

    def __init__(self, source: ModelSource, *, device: str = "auto", dtype: str = "auto") -> None:
        """Load the weights.

        Raises:
            ModelError: they cannot be loaded, or the device is missing.
        """
        with collector_paused():
            from safetensors import SafetensorError
            from transformers import AutoTokenizer, CLIPModel  # noqa: F401 - seconds, paid here

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
        """Turns decoded images into the model's input."""
        return Transform.read(self.source.folder, image_size=self.source.image_size)

    def embed_pixels(self, pixels: "np.ndarray") -> "np.ndarray":
        """Embed crops that `transform.crop` made.

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
        """Embed texts, cut to the model's context: (n, d) float32, rows L2-normalised."""
        import torch

        with self._lock, torch.inference_mode():
            tokens = self._tokenizer(
                [clean(text) for text in texts],
                padding=True,
                truncation=True,
                max_length=self.context,
                return_tensors="pt",
            ).to(self.device)
            output = self._model.get_text_features(
                input_ids=tokens["input_ids"], attention_mask=tokens["attention_mask"]
            )
        return _normalised(output)

    def tokens(self, text: str) -> int:
        """Count the tokens of a text, with those that begin and end it."""
        with self._lock:
            return len(self._tokenizer(clean(text))["input_ids"])

    @cached_property
    def _tokenizer(self) -> Any:
        from transformers import AutoTokenizer

        try:
            return AutoTokenizer.from_pretrained(self.source.folder, local_files_only=True)
        except (OSError, ValueError) as error:
            raise ModelError(f"the tokenizer of {self.source.folder} cannot be loaded: {error}") from error

    @property
    def context(self) -> int:
        """The most tokens that the model reads."""
        return int(self._model.config.text_config.max_position_embeddings)


def _load(source: ModelSource) -> Any:
    import torch
    from transformers import CLIPModel
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()  # the error below says in one line what is missing
    model, loading = CLIPModel.from_pretrained(
        source.folder,
        use_safetensors=True,
        trust_remote_code=False,
        local_files_only=True,
        dtype=torch.float32,
        output_loading_info=True,
    )
    if missing := sorted(loading["missing_keys"]):  # transformers would only warn, and use random ones
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
    """Whether the CPU multiplies bf16 in hardware; emulated, it is slower than float32."""
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
