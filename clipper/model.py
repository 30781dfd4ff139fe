"""CLIP through transformers: find it, load it, embed images and text, tell one model from another.

What does not belong here: which images are embedded, and where the vectors are kept.
"""

import json
import os
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipper.errors import ModelError
from clipper.imports import collector_paused
from clipper.settings import Settings

if TYPE_CHECKING:
    import numpy as np
    import torch
    from PIL import Image

# Read by huggingface_hub when it is first imported, further down.
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
# Read by OpenMP when torch is. Its threads spin while they wait, by default, and take the cores from those
# that decode the next images: on two cores embedding took four times as long.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# Bumped when the same pixels or the same text would give other vectors.
PREPROCESS_VERSION = "1"
_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")
_FILES = ["*.json", "*.txt", "model*.safetensors"]
_IDENTITY = ("config.json", "preprocessor_config.json", "tokenizer.json", "vocab.json", "merges.txt")


@dataclass(frozen=True)
class ModelSource:
    """A model found on disk: the folder, the name it goes by, and what identifies its vectors."""

    name: str
    folder: Path
    fingerprint: str
    dimensions: int
    image_size: int

    @property
    def key(self) -> str:
        """The folder name of this model's vectors: the same wherever the model's own folder lies."""
        name = self.name.rstrip("/").rpartition("/")[2]
        slug = "".join(c if c.isalnum() or c in "-_" else "-" for c in name).strip("-")
        return f"{slug[-60:]}-{self.fingerprint[:12]}"


def find(settings: Settings) -> ModelSource:
    """Find the model that `settings` name, fetching it from the hub if it was never fetched.

    No weights are read: this is what decides that nothing is to do.

    Raises:
        ModelError: it is nowhere, or no CLIP with safetensors.
    """
    folder = _local_folder(settings) or _hub_folder(settings)
    config = _read_config(folder)
    if config.get("model_type") != "clip":
        kind = config.get("model_type", "unknown")
        raise ModelError(f"{settings.model} is a {kind} model; `model` must name a CLIP (CLIPModel)")
    weights = sorted(folder.glob("model*.safetensors"))
    if not weights:
        raise ModelError(
            f"{folder} has no model.safetensors; convert it with `save_pretrained` or name a revision "
            "that has one (model_revision)"
        )
    vision = config.get("vision_config") or {}
    return ModelSource(
        name=_lasting_name(settings, folder),
        folder=folder,
        fingerprint=_fingerprint(folder, weights),
        dimensions=int(config.get("projection_dim", 512)),
        image_size=int(vision.get("image_size", 224)),
    )


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
        return Transform.of(self.source)

    def embed_pixels(self, pixels: "np.ndarray") -> "np.ndarray":
        """Embed images that `transform.crop` prepared.

        Args:
            pixels: (n, s, s, 3) uint8.

        Returns:
            (n, d) float32, rows L2-normalised.
        """
        import torch

        with self._lock, torch.inference_mode():
            if not self._vision_ready:
                self._model.vision_model.to(self.dtype)
                self._model.visual_projection.to(self.dtype)
                self._vision_ready = True
            batch = self.transform.normalise(torch.from_numpy(pixels).to(self.device))
            output = self._model.get_image_features(pixel_values=batch.to(self.dtype))
        return _normalised(output)

    def embed_images(self, images: Sequence["Image.Image"]) -> "np.ndarray":
        """Embed upright RGB images: (n, d) float32, rows L2-normalised."""
        import numpy as np

        return self.embed_pixels(np.stack([self.transform.crop(image) for image in images]))

    def embed_texts(self, texts: Sequence[str]) -> "np.ndarray":
        """Embed texts; what is longer than the model's context is cut: (n, d) float32, rows normalised."""
        import torch

        with self._lock, torch.inference_mode():
            tokens = self._tokenizer(
                [_clean(text) for text in texts],
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


@dataclass(frozen=True)
class Transform:
    """The image processor's settings, applied by Pillow and one batched normalisation.

    Gives the pixels of transformers' CLIPImageProcessor (to 0.015 after normalising) in half the time:
    the centre crop is taken in the source image, so that nothing is resized to be cut off.
    """

    side: int
    crop_side: int
    resample: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    @classmethod
    def of(cls, source: ModelSource) -> "Transform":
        """Read preprocessor_config.json; what is absent has CLIP's own value."""
        path = source.folder / "preprocessor_config.json"
        try:
            config = json.loads(path.read_text())
        except FileNotFoundError:
            config = {}
        except ValueError as error:
            raise ModelError(f"{path} is not valid JSON: {error}") from error
        return cls(
            side=_side(config.get("size"), source.image_size),
            crop_side=_side(config.get("crop_size"), source.image_size),
            resample=int(config.get("resample", 3)),
            mean=tuple(config.get("image_mean", (0.48145466, 0.4578275, 0.40821073))),
            std=tuple(config.get("image_std", (0.26862954, 0.26130258, 0.27577711))),
        )

    def crop(self, image: "Image.Image") -> "np.ndarray":
        """The centre of an upright RGB image at the model's size: (s, s, 3) uint8."""
        import numpy as np

        width, height = image.size
        part = min(width, height) * self.crop_side / self.side
        left, top = (width - part) / 2, (height - part) / 2
        box = (max(left, 0.0), max(top, 0.0), min(left + part, width), min(top + part, height))
        size = (self.crop_side, self.crop_side)
        return np.asarray(image.resize(size, self.resample, box=box, reducing_gap=None))

    def normalise(self, pixels: "torch.Tensor") -> "torch.Tensor":
        """(n, s, s, 3) uint8 -> (n, 3, s, s) float32, mean 0 and deviation 1 as in training."""
        import torch

        mean = torch.tensor(self.mean, device=pixels.device).view(1, 3, 1, 1)
        std = torch.tensor(self.std, device=pixels.device).view(1, 3, 1, 1)
        return (pixels.permute(0, 3, 1, 2).float() / 255.0 - mean) / std


def _lasting_name(settings: Settings, folder: Path) -> str:
    """The name by which readers in another working folder find the model again."""
    named = Path(settings.model).expanduser()
    from_here = not named.is_absolute() and not (settings.home / named).is_dir() and named.is_dir()
    return str(folder) if from_here else settings.model


def _local_folder(settings: Settings) -> Path | None:
    """The folder `model` names: below the home, else from here; None when it reads as a hub name."""
    named = Path(settings.model).expanduser()
    for folder in (settings.home / named, Path.cwd() / named):
        if folder.is_dir():
            return folder.resolve()
    if (
        named.is_absolute()
        or settings.model.startswith((".", "~"))
        or not _HUB_NAME.fullmatch(settings.model)
    ):
        raise ModelError(
            f"the model folder {named} does not exist; set `model` in "
            f"{settings.home / 'clipper.toml'} to a folder or to a CLIP of the hub"
        )
    return None


def _hub_folder(settings: Settings) -> Path:
    """The hub's files of a model, from the local cache if they are there: then nothing is asked."""
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    fetch = partial(snapshot_download, settings.model, revision=settings.revision, allow_patterns=_FILES)
    try:
        cached = Path(fetch(local_files_only=True))
        if _is_whole(cached):
            return cached
    except (LocalEntryNotFoundError, FileNotFoundError):
        pass
    except HFValidationError as error:
        raise ModelError(f"'{settings.model}' is neither a folder nor a name of the hub: {error}") from error
    try:
        # Without a network this fails at once; the download itself would try again for half a minute.
        HfApi().model_info(settings.model, revision=settings.revision, timeout=10)
        return Path(fetch())
    except Exception as error:  # of the hub, of its HTTP library, or of the disk
        raise ModelError(_unreachable(settings, error)) from error


def _is_whole(folder: Path) -> bool:
    """Whether a download was not broken off."""
    tokenizer = any((folder / name).exists() for name in ("tokenizer.json", "vocab.json"))
    return tokenizer and (folder / "config.json").exists() and any(folder.glob("model*.safetensors"))


def _unreachable(settings: Settings, error: Exception) -> str:
    revision = f" at revision {settings.revision}" if settings.revision else ""
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return (
        f"the model {settings.model}{revision} is no folder below {settings.home}, is not in the hub's local "
        f"cache and could not be fetched ({type(error).__name__}: {reason[:160]}). Three ways out: "
        f"connect to the internet once and run again; or set `model` in {settings.home / 'clipper.toml'} "
        "(or --model, or CLIPPER_MODEL) to a local folder with a CLIP; or use the sample model, "
        "models/clip-emoji in Clipper's data folder"
    )


def _read_config(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text())
    except FileNotFoundError:
        raise ModelError(f"{folder} has no config.json: it is not a model folder") from None
    except ValueError as error:
        raise ModelError(f"{path} is not valid JSON: {error}") from error
    return dict(config)


def _fingerprint(folder: Path, weights: Sequence[Path]) -> str:
    """A hash of the files that decide the vectors, so that a copied or moved model is the same one."""
    state = blake2b(PREPROCESS_VERSION.encode(), digest_size=16)
    for path in [*(folder / name for name in _IDENTITY), *weights]:
        if path.exists():
            with path.open("rb") as file:
                state.update(path.name.encode())
                while block := file.read(1 << 22):
                    state.update(block)
    return state.hexdigest()


def _load(source: ModelSource) -> Any:
    import torch
    from transformers import CLIPModel
    from transformers.utils import logging

    logging.disable_progress_bar()
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
        return chosen, torch.bfloat16 if _cpu_has_bf16() else torch.float32
    return chosen, torch.float16


def _cpu_has_bf16() -> bool:
    """Whether the CPU multiplies bf16 in hardware; where it only emulates them, float32 is faster."""
    import torch

    for probe in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        if getattr(torch.cpu, probe, bool)():
            return True
    return False


def _side(size: Any, default: int) -> int:
    if isinstance(size, dict):
        return int(size.get("shortest_edge") or size.get("height") or default)
    return int(size or default)


def _clean(text: str) -> str:
    """Text without halves of surrogate pairs, which tokenizers refuse."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _normalised(output: Any) -> "np.ndarray":
    import numpy as np

    vectors = getattr(output, "pooler_output", output).float()
    unit = vectors / vectors.norm(dim=-1, keepdim=True).clamp_min(1e-12)
    return np.ascontiguousarray(unit.cpu().numpy())
