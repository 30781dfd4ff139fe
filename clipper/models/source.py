"""Find a model, in a local folder or the hub's local cache, and compute its fingerprint.

Neither weights nor torch nor transformers are loaded here: this decides whether there is anything to embed.
What does not belong here: fetching from the hub (`models/hub.py`), and running a model (`models/encoder.py`,
`models/text_tower.py`).
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

from clipper.access import owner_of
from clipper.errors import ModelError
from clipper.images.preprocess import Transform
from clipper.models.families.families import Family
from clipper.models.families.files import ModelFiles, read_files
from clipper.models.fingerprint import fingerprint
from clipper.models.hub import cached_folder, hub_folder
from clipper.query import ScoreScale
from clipper.settings import Settings
from clipper.store.embeddings import FINGERPRINT_DIGITS

# Bump it when the same pixels or the same text would give other vectors: the first for CLIP as it was always
# read, the second for all other models, the third for those of another scale of colours: a GPU overlooked
# that scale once, and vectors that it made must not stand beside right ones.
PREPROCESS_VERSION, PREPROCESS_VERSION_OF_OTHERS, PREPROCESS_VERSION_OF_OTHER_SCALES = "1", "2", "3"
_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")


@dataclass(frozen=True)
class ModelSource:
    """A model on disk: its folder, its name, and the fingerprint that identifies its vectors."""

    name: str
    folder: Path
    fingerprint: str
    dimensions: int
    image_size: int
    files: ModelFiles = field(compare=False, repr=False)

    @property
    def family(self) -> Family:
        """The kind of the model."""
        return self.files.family

    @property
    def has_text(self) -> bool:
        """Whether it embeds texts."""
        return self.family.has_text

    @property
    def is_plain_clip(self) -> bool:
        """Whether it is a CLIP in the layout of transformers, whose text side `text_tower.py` can compute."""
        return self.family.architecture == "CLIPModel" and not self.files.is_open_clip

    @property
    def bytes(self) -> int:
        """The size of its weights on disk."""
        weights = (path for path in self.files.identity if path.suffix == ".safetensors")
        return sum(path.stat().st_size for path in weights)

    @property
    def transform(self) -> Transform:
        """Turns decoded images into the model's input."""
        return self.files.transform

    @property
    def score(self) -> ScoreScale:
        """The scale of the similarity of a text with an image."""
        return self.files.score

    @property
    def key(self) -> str:
        """The name of the folder of this model's vectors in a home that has none of its fingerprint yet."""
        name = self.name.rstrip("/").rpartition("/")[2]
        slug = "".join(c if c.isalnum() or c in "-_" else "-" for c in name).strip("-")
        return f"{slug[-60:]}-{self.fingerprint[:FINGERPRINT_DIGITS]}"


def find(settings: Settings) -> ModelSource:
    """Find the model that `settings` name; fetch it from the hub if it is not on this machine.

    Raises:
        ModelError: the model is missing, or is none that can be read.
        HubError: the model must be fetched, and the hub does not answer.
    """
    return _read_source(settings, local_folder(settings) or hub_folder(settings))


def find_here(settings: Settings) -> ModelSource | None:
    """Find the model that `settings` name on this machine; None if it would have to be fetched.

    Raises:
        ModelError: the folder is missing, or is none that can be read.
    """
    folder = local_folder(settings) or cached_folder(settings)
    return _read_source(settings, folder) if folder else None


def _read_source(settings: Settings, folder: Path) -> ModelSource:
    files = read_files(folder, settings.model_name)
    return ModelSource(
        name=_lasting_name(settings, folder),
        folder=folder,
        fingerprint=_fingerprint(folder, files),
        dimensions=files.family.read_dimensions(files.config),
        image_size=files.transform.crop_side,
        files=files,
    )


def _lasting_name(settings: Settings, folder: Path) -> str:
    """Return the name under which a reader in any working folder finds the model."""
    named = Path(settings.model_name).expanduser()
    in_home, in_working_folder = (settings.home / named).resolve(), named.resolve()
    from_here = not named.is_absolute() and folder == in_working_folder != in_home
    return str(folder) if from_here else settings.model_name


def local_folder(settings: Settings) -> Path | None:
    """Return the folder that `model` names, below the home or the working folder; None for a hub name."""
    named = Path(settings.model_name).expanduser()
    is_folder = (
        named.is_absolute()
        or settings.model_name.startswith((".", "~"))
        or not _HUB_NAME.fullmatch(settings.model_name)
    )
    closed: dict[Path, OSError] = {}
    for folder in (settings.home / named, Path.cwd() / named):
        try:
            if folder.is_dir():
                return folder.resolve()
        except OSError as error:  # a folder above it is closed to this user
            closed[folder] = error
    if not is_folder:  # a working folder that is closed to this user keeps nobody from the hub
        return None
    for folder, why in closed.items():
        raise ModelError(f"the model folder {folder} cannot be read: {why.strerror or why}") from why
    raise ModelError(
        f"the model folder {named} does not exist; set `model` in {settings.home / 'clipper.toml'} (or "
        "--model, or CLIPPER_MODEL) to where it lies now: the same files are the same model, and nothing "
        "is embedded again; or to another CLIP, a folder or one of the hub"
    )


def _fingerprint(folder: Path, files: ModelFiles) -> str:
    """Return the fingerprint of the files that determine the vectors."""
    try:
        version = PREPROCESS_VERSION if files.read_as_before else PREPROCESS_VERSION_OF_OTHERS
        if not files.transform.has_usual_scale:
            version = PREPROCESS_VERSION_OF_OTHER_SCALES
        return fingerprint(files.identity, version=version)
    except OSError as error:
        path = Path(error.filename or folder)
        raise ModelError(f"{path} cannot be read: {error.strerror or error}{owner_of(path)}") from error
