"""The kinds of models that can be read, by the `model_type` of config.json, and what is peculiar to each.

The names of classes and the defaults are those of transformers: its files leave out what is by default, and
reading them must not cost its import. What does not belong here: finding a model (`models/source.py`), and
running one (`models/encoder.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from reprlib import repr  # noqa: A004 - that of a value in a file may be of any length and depth
from typing import Any, Literal

from clipper.errors import ANOTHER_MODEL, ModelError
from clipper.images.preprocess import CLIP_DEFAULTS, Fit
from clipper.text import one_line

# How a model's text-image similarity becomes a score: see `query.ScoreScale`.
Score = Literal["clipscore", "sigmoid", "cosine"]
# Where a number stands in config.json, by keys from the top.
Keys = Sequence[str]

_STANDARD = {"image_mean": (0.5, 0.5, 0.5), "image_std": (0.5, 0.5, 0.5)}
_IMAGENET = {"image_mean": (0.485, 0.456, 0.406), "image_std": (0.229, 0.224, 0.225)}
# What the image processors of transformers assume for keys that their file lacks, by the start of their name.
_PROCESSORS: Mapping[str, Mapping[str, Any]] = {
    "CLIP": CLIP_DEFAULTS,
    "ChineseCLIP": CLIP_DEFAULTS,
    "Bit": CLIP_DEFAULTS,
    "Siglip": {**_STANDARD, "resample": 3, "default_to_square": True},
    "ViT": {**_STANDARD, "resample": 2, "default_to_square": True},
    "DeiT": {**_STANDARD, "resample": 3, "default_to_square": True, "do_center_crop": True},
    "DINOv3ViT": {**_IMAGENET, "resample": 2, "default_to_square": True},
    "EfficientNet": {
        **_STANDARD,
        "resample": 3,
        "size": {"height": 346, "width": 346},
        "crop_size": {"height": 289, "width": 289},
        "include_top": True,
    },
}
# More than any model has, and few enough that tensors of such a size can be asked for.
_MOST_NUMBER = 1_000_000
_SUFFIXES = ("ImageProcessorFast", "ImageProcessorPil", "ImageProcessor", "FeatureExtractor")


@dataclass(frozen=True)
class Family:
    """A kind of models: the class that loads it, and what its files leave to that class.

    `dimensions` and `side` are where config.json has the length of a vector and the side of an image in
    pixels, each with its default. `any_side` says that the model takes other sides, too. `pads` says that
    texts are padded to the whole context, as the model was trained; `context` caps it, in tokens.
    """

    name: str
    architecture: str
    processor: str = "CLIP"
    score: Score = "cosine"
    has_text: bool = True
    dimensions: tuple[Keys, int] = (("projection_dim",), 512)
    side: tuple[Keys, int] = (("vision_config", "image_size"), 224)
    any_side: bool = False
    pads: bool = False
    context: int | None = None
    fit: Fit = "crop"

    def read_dimensions(self, config: Mapping[str, Any]) -> int:
        """Return the length of the model's vectors."""
        return _number(config, *self.dimensions)

    def read_side(self, config: Mapping[str, Any]) -> int:
        """Return the side of the model's images in pixels."""
        return _number(config, *self.side)

    def processor_defaults(self, processor: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what an image processor's settings are where its file, read as `processor`, lacks them."""
        named = processor.get("image_processor_type") or processor.get("feature_extractor_type") or ""
        for suffix in _SUFFIXES:
            if str(named).endswith(suffix):
                return _PROCESSORS.get(str(named).removesuffix(suffix), _PROCESSORS[self.processor])
        return _PROCESSORS[self.processor]


def _image_only(name: str, architecture: str, processor: str, *, width: int = 768) -> Family:
    return Family(
        name,
        architecture,
        processor,
        has_text=False,
        dimensions=(("hidden_size",), width),
        side=(("image_size",), 224),
        any_side=architecture != "ViTModel",
    )


FAMILIES: Mapping[str, Family] = {
    "clip": Family("CLIP", "CLIPModel", score="clipscore", fit="centre"),
    "metaclip_2": Family("MetaCLIP 2", "MetaClip2Model", score="clipscore"),
    "altclip": Family("AltCLIP", "AltCLIPModel", score="clipscore", dimensions=(("projection_dim",), 768)),
    "chinese_clip": Family("Chinese-CLIP", "ChineseCLIPModel", "ChineseCLIP", score="clipscore"),
    "siglip": Family(
        "SigLIP",
        "SiglipModel",
        "Siglip",
        score="sigmoid",
        dimensions=(("vision_config", "hidden_size"), 768),
        pads=True,
    ),
    "align": Family(
        "ALIGN",
        "AlignModel",
        "EfficientNet",
        dimensions=(("projection_dim",), 640),
        side=(("vision_config", "image_size"), 600),
        any_side=True,
        context=64,  # its processor's own: the text model could read 512
    ),
    "groupvit": Family("GroupViT", "GroupViTModel", dimensions=(("projection_dim",), 256)),
    "vision-text-dual-encoder": Family("dual encoder", "VisionTextDualEncoderModel", "ViT"),
    "dinov2": _image_only("DINOv2", "Dinov2Model", "Bit"),
    "dinov2_with_registers": _image_only("DINOv2", "Dinov2WithRegistersModel", "Bit"),
    "dinov3_vit": _image_only("DINOv3", "DINOv3ViTModel", "DINOv3ViT", width=384),
    "vit": _image_only("ViT", "ViTModel", "ViT"),
}

# Models that embed images and texts, and yet cannot be read; each with the reason.
_NOT_READ: Mapping[str, str] = {
    "siglip2": (
        "it takes pictures of any aspect as lists of patches (NaFlex); the checkpoints of a fixed size, such "
        "as google/siglip2-base-patch16-224, can be read"
    ),
    "aimv2": "in transformers, its vector of a text depends on the other texts of a batch",
    "clipseg": "it marks the part of a picture that a text means",
    "xclip": "it embeds videos",
    "owlvit": "it finds objects, and embeds parts of pictures",
    "owlv2": "it finds objects, and embeds parts of pictures",
    "flava": "it embeds patches of a picture, not the whole",
    "blip": "it writes captions, and its checkpoints for search score pairs of a picture and a text",
    "blip-2": "it writes captions, and its checkpoints for search score pairs of a picture and a text",
}


def reads_text(model: Mapping[str, Any]) -> bool:
    """Whether a model embeds texts, by a snapshot's entry of it; that of a CLIP says nothing of it."""
    return bool(model.get("has_text", True))


def family_of(config: Mapping[str, Any], name: str) -> Family:
    """Return the family of a model.

    Args:
        config: its config.json.
        name: for messages.

    Raises:
        ModelError: no model of this kind can be read.
    """
    named = config.get("model_type", "unknown")
    kind = one_line(named)[:60] if isinstance(named, str) else repr(named)
    if family := FAMILIES.get(kind):
        return family
    why = f": {_NOT_READ[kind]}" if kind in _NOT_READ else ""
    known = ", ".join(dict.fromkeys(each.name for each in FAMILIES.values()))
    raise ModelError(f"{name} is a {kind} model{why}; `model` must name one of these kinds: {known}")


def _number(config: Mapping[str, Any], keys: Keys, default: int) -> int:
    """Return a whole number of config.json; the first of a list, as sides of pictures may be written.

    Raises:
        ModelError: it is no number, or one that no model has.
    """
    value: Any = config
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    if isinstance(value, list) and value:
        value = value[0]
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _MOST_NUMBER:
        raise ModelError(
            f"config.json: {'.'.join(keys)} is {repr(value)}, which is no number of its kind; {ANOTHER_MODEL}"
        )
    return value
