"""A model through transformers: load it, embed images and texts.

What does not belong here: finding a model (`models/source.py`), what its files say (`models/families/`),
choosing images, and keeping vectors (`store/embeddings.py`).
"""

import copy
import logging
import os
import threading
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from clipper.errors import ANOTHER_MODEL, ModelError, NoTextError
from clipper.images.preprocess import MALFORMED
from clipper.models.engines.towers import EXACT, Engine
from clipper.models.families import open_clip
from clipper.models.families.tower import image_tower
from clipper.models.source import ModelSource
from clipper.models.unit_vectors import have_length_one, require_length_one
from clipper.system import collector_paused
from clipper.text import clean, reason_of

if TYPE_CHECKING:
    import numpy as np
    import torch
    from PIL import Image

    from clipper.images.preprocess import Transform

# OpenMP reads this when torch is imported. By default its threads spin while they wait, and take the cores
# from the processes that decode the next images: on two cores embedding took four times as long.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

_logger = logging.getLogger(__name__)


class Encoder:
    """A loaded model. Texts are embedded in float32, images by an engine: see `engines/towers.py`."""

    def __init__(
        self, source: ModelSource, *, device: str = "auto", dtype: str = "auto", engine: str = ""
    ) -> None:
        """Load the weights.

        Args:
            source: the model.
            device: a device of torch; auto: the fastest one here.
            dtype: the precision for images; auto: that of `engine`.
            engine: one of `towers.ENGINES`; "": float32, until `use_engine` names another.

        Raises:
            ModelError: they cannot be loaded, or the device is missing.
        """
        with collector_paused():
            import transformers
            from transformers import AutoTokenizer  # noqa: F401 - seconds, paid here

            getattr(transformers, source.family.architecture)

        self.source = source
        self.device = find_device(device)
        self.engine_name = engine or EXACT if dtype == "auto" else dtype
        self._lock = threading.Lock()
        try:
            self._model = _load(source).to(self.device)
        except MemoryError:
            raise
        except Exception as error:  # whatever transformers and torch do with a malformed configuration
            raise ModelError(f"{source.folder} cannot be loaded: {_why(error)}") from error
        self._engine: Engine | None = None
        self._exact: Engine | None = None

    @cached_property
    def transform(self) -> "Transform":
        """Turns decoded images into the model's input.

        Raises:
            ModelError: its images are of another size than the model takes.
        """
        made, family = self.source.transform, self.source.family
        side = family.read_side(self.source.files.config)
        if made.crop_side != side and not family.any_side:
            raise ModelError(
                f"{self.source.folder}: the image processor makes images of {made.crop_side} pixels, and the "
                f"model takes {side}; one of preprocessor_config.json and config.json is of another model"
            )
        return made

    def image_tower(self) -> "torch.nn.Module":
        """Return what embeds images: (n, 3, s, s) float32, normalised, to (n, d) features of any length.

        Its weights are those of this model, in float32; an engine converts a copy.
        """
        return self._tower

    @cached_property
    def _tower(self) -> "torch.nn.Module":
        return image_tower(self._model, self.source.family)

    def embed_pixels(self, pixels: "np.ndarray") -> "np.ndarray":
        """Embed crops that `transform.crop` made.

        Args:
            pixels: (n, s, s, 3) uint8.

        Returns:
            (n, d) float32, rows L2-normalised.

        Raises:
            ModelError: the engine cannot run, or the model gives no vector for a crop.
        """
        with self._lock:
            engine = self._engine = self._engine or self.make_engine(self.engine_name)
        vectors = engine(pixels)
        good = have_length_one(vectors)
        if good.all():
            return vectors
        if engine.name != EXACT:
            _logger.info("%d images overflow in %s: float32 embeds them", (~good).sum(), engine.name)
            vectors[~good] = self._exact_engine()(pixels[~good])
        return require_length_one(vectors, self.source, of="images")

    def _exact_engine(self) -> Engine:
        with self._lock:
            self._exact = self._exact or self.make_engine(EXACT)
            return self._exact

    def make_engine(self, name: str) -> Engine:
        """Make an engine for images.

        Args:
            name: one of `towers.ENGINES`.

        Raises:
            ModelError: this model, or its device, cannot run in this precision.
        """
        return Engine(name, self.image_tower(), transform=self.transform, device=self.device)

    def use_engine(self, engine: Engine | str) -> None:
        """Embed images with another engine from now on."""
        with self._lock:
            self.engine_name = engine if isinstance(engine, str) else engine.name
            self._engine = None if isinstance(engine, str) else engine

    def embed_images(self, images: Sequence["Image.Image"]) -> "np.ndarray":
        """Embed upright RGB images: (n, d) float32, rows L2-normalised."""
        import numpy as np

        return self.embed_pixels(np.stack([self.transform.crop(image) for image in images]))

    def embed_texts(self, texts: Sequence[str]) -> "np.ndarray":
        """Embed texts, cut to the model's context: (n, d) float32, rows L2-normalised.

        Raises:
            NoTextError: the model embeds images only.
            ModelError: its tokenizer cannot be loaded, or does not fit, or it gives no vector for a text.
        """
        import torch

        with self._lock, torch.inference_mode():
            tokens = self._tokenize(texts).to(self.device)
            # A tokenizer whose model was trained to read the padding, too, gives no mask.
            asked = {name: tokens[name] for name in ("input_ids", "attention_mask") if name in tokens}
            output = self._model.get_text_features(**asked)
        return require_length_one(_normalised(output.pooler_output), self.source, of="texts")

    def _tokenize(self, texts: Sequence[str]) -> Any:
        """Return the tokens of texts, cut to the model's context."""
        folder = self.source.folder
        try:
            tokens = self._tokenizer(
                [clean(text) for text in texts],
                padding="max_length" if self.source.family.pads else True,
                truncation=True,
                max_length=self.context,
                return_tensors="pt",
            )
        except MALFORMED as error:
            raise ModelError(f"the tokenizer of {folder} cannot be used: {_why(error)}") from error
        # A GPU that is asked for the vector of another token serves this process no more.
        known = getattr(self._model.config.text_config, "vocab_size", None)
        if known is not None and int(tokens["input_ids"].max()) >= known:
            raise ModelError(
                f"the tokenizer of {folder} has more tokens than the {known} of the model; {ANOTHER_MODEL}"
            )
        return tokens

    def tokens(self, text: str) -> int:
        """Count the tokens of a text, with those that begin and end it."""
        with self._lock:
            return len(self._tokenizer(clean(text))["input_ids"])

    @cached_property
    def _tokenizer(self) -> Any:
        if not self.source.has_text:
            raise NoTextError(self.source.name)
        from transformers import AutoTokenizer, CLIPTokenizer

        # Nothing in OpenCLIP's layout names the class for transformers; the tokens are CLIP's.
        kind = CLIPTokenizer if self.source.files.is_open_clip else AutoTokenizer
        try:
            return kind.from_pretrained(self.source.folder, local_files_only=True, trust_remote_code=False)
        except MemoryError:
            raise
        except Exception as error:  # of the tokenizers library, which has no class of its own for its errors
            raise self._no_tokenizer(error) from error

    def _no_tokenizer(self, error: Exception) -> ModelError:
        """Say why the tokenizer cannot be loaded, and what to do."""
        folder, said = self.source.folder, str(error)
        if isinstance(error, ImportError) and "sentencepiece" in said.lower():
            return ModelError(
                f"the tokenizer of {self.source.name} needs the package sentencepiece: "
                "pip install 'clipper[sentencepiece]'"
            )
        if "custom code" in said:
            return ModelError(
                f"the tokenizer of {folder} is code of its own (auto_map in tokenizer_config.json), and "
                "Clipper runs no code that comes with a model: save a tokenizer of transformers there "
                "(`save_pretrained`), or set `model` to another model"
            )
        return ModelError(f"the tokenizer of {folder} cannot be loaded: {_why(error)}")

    @cached_property
    def context(self) -> int:
        """The most tokens that the model reads."""
        try:
            return self._read_context()
        except MALFORMED as error:
            raise ModelError(
                f"the tokenizer of {self.source.folder}, or config.json, does not say how many tokens the "
                f"model reads: {_why(error)}"
            ) from error

    def _read_context(self) -> int:
        text = self._model.config.text_config
        positions = int(text.max_position_embeddings)
        if self.source.family.architecture in {"CLIPModel", "SiglipModel"}:
            return positions
        if text.model_type in _ROBERTAS:  # their positions begin after that of the padding
            positions -= int(text.pad_token_id) + 1
        limits = (positions, int(self._tokenizer.model_max_length), self.source.family.context or positions)
        if min(limits) < _LEAST_CONTEXT:
            raise ValueError(f"{min(limits)} are too few")
        return min(limits)


_LEAST_CONTEXT = 3  # a token between those that begin and end a text
_ROBERTAS = ("altclip_text_model", "roberta", "xlm-roberta", "camembert")


def _load(source: ModelSource) -> Any:
    import torch
    import transformers
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()  # the error below says in one line what is missing
    if source.files.is_open_clip:
        return open_clip.load(source.folder, source.files.config)
    architecture = getattr(transformers, source.family.architecture)
    # A ViT's own pooling is trained for its classes, and most files lack it.
    options = {"add_pooling_layer": False} if architecture is transformers.ViTModel else {}
    # Not the file: it may name code to fetch or to run.
    config = architecture.config_class.from_dict(copy.deepcopy(dict(source.files.config)))
    model, loading = architecture.from_pretrained(
        source.folder,
        config=config,
        use_safetensors=True,
        trust_remote_code=False,
        local_files_only=True,
        dtype=torch.float32,
        output_loading_info=True,
        **options,
    )
    if missing := sorted(loading["missing_keys"]):  # transformers would only warn, and use random ones
        raise ValueError(f"its weights lack {missing[0]} and {len(missing) - 1} more")
    return model.eval()


def _why(error: Exception) -> str:
    """Say why files cannot be loaded, and the way out; a full disk or memory is no fault of the files."""
    said = reason_of(error)
    is_machine = (isinstance(error, OSError) and error.errno) or "memory" in said.lower()
    return said if is_machine else f"{said}; {ANOTHER_MODEL}"


def find_device(device: str) -> "torch.device":
    """Return a device of torch by its name; "auto" is the fastest one here.

    Raises:
        ModelError: this machine has no such device.
    """
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
    return chosen


def _normalised(features: "torch.Tensor") -> "np.ndarray":
    import numpy as np

    vectors = features.float()
    unit = vectors / vectors.norm(dim=-1, keepdim=True).clamp_min(1e-12)
    return np.ascontiguousarray(unit.cpu().numpy())
