"""Find a model, in a local folder or the hub's local cache, and compute its fingerprint.

Neither weights nor torch nor transformers are loaded here: this decides whether there is anything to embed.
What does not belong here: running a model (`models/clip.py`, `models/text_tower.py`).
"""

import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from clipper.access import owner_of
from clipper.errors import HubError, ModelError
from clipper.models.fingerprint import fingerprint
from clipper.settings import Settings
from clipper.store.embeddings import FINGERPRINT_DIGITS

# huggingface_hub reads this when it is imported, further down.
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

# Bump it when the same pixels or the same text would give other vectors.
PREPROCESS_VERSION = "1"
_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")
# Timeout and "too many requests"; the other statuses from 400 to 499 are errors of the client.
_COME_AGAIN = (408, 429)
_FILES = ["*.json", "*.txt", "model*.safetensors"]
_IDENTITY = ("config.json", "preprocessor_config.json", "tokenizer.json", "vocab.json", "merges.txt")


@dataclass(frozen=True)
class ModelSource:
    """A model on disk: its folder, its name, and the fingerprint that identifies its vectors."""

    name: str
    folder: Path
    fingerprint: str
    dimensions: int
    image_size: int

    @property
    def key(self) -> str:
        """The name of the folder of this model's vectors in a home that has none of its fingerprint yet."""
        name = self.name.rstrip("/").rpartition("/")[2]
        slug = "".join(c if c.isalnum() or c in "-_" else "-" for c in name).strip("-")
        return f"{slug[-60:]}-{self.fingerprint[:FINGERPRINT_DIGITS]}"


def find(settings: Settings) -> ModelSource:
    """Find the model that `settings` name; fetch it from the hub if it is not on this machine.

    Raises:
        ModelError: the model is missing, or is no CLIP with safetensors.
        HubError: the model must be fetched, and the hub does not answer.
    """
    return _read_source(settings, local_folder(settings) or _hub_folder(settings))


def find_here(settings: Settings) -> ModelSource | None:
    """Find the model that `settings` name on this machine; None if it would have to be fetched.

    Raises:
        ModelError: the folder is missing, or is no CLIP with safetensors.
    """
    folder = local_folder(settings) or _cached_folder(settings)
    return _read_source(settings, folder) if folder else None


def _read_source(settings: Settings, folder: Path) -> ModelSource:
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
    if not _has_tokenizer(folder):
        raise ModelError(
            f"{folder} has no tokenizer (tokenizer.json, or vocab.json and merges.txt), and without one "
            "all texts are the same; save it there with the `save_pretrained` of the model's processor"
        )
    vision = config.get("vision_config") or {}
    return ModelSource(
        name=_lasting_name(settings, folder),
        folder=folder,
        fingerprint=_fingerprint(folder, weights),
        dimensions=int(config.get("projection_dim", 512)),
        image_size=int(vision.get("image_size", 224)),
    )


def _lasting_name(settings: Settings, folder: Path) -> str:
    """Return the name under which a reader in any working folder finds the model."""
    named = Path(settings.model).expanduser()
    in_home, in_working_folder = (settings.home / named).resolve(), named.resolve()
    from_here = not named.is_absolute() and folder == in_working_folder != in_home
    return str(folder) if from_here else settings.model


def local_folder(settings: Settings) -> Path | None:
    """Return the folder that `model` names, below the home or the working folder; None for a hub name."""
    named = Path(settings.model).expanduser()
    is_folder = (
        named.is_absolute()
        or settings.model.startswith((".", "~"))
        or not _HUB_NAME.fullmatch(settings.model)
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


def _hub_folder(settings: Settings) -> Path:
    """Return the folder of a model of the hub; nothing is downloaded if the local cache has it."""
    if cached := _cached_folder(settings):
        return cached
    from huggingface_hub import HfApi

    fetch = _fetcher(settings)
    try:
        # Without a network this fails at once; the download would retry for half a minute.
        HfApi().model_info(settings.model, revision=settings.revision, timeout=10)
        return Path(fetch())
    except Exception as error:  # from the hub, its HTTP library, or the disk
        kind = ModelError if _is_refusal(error) else HubError
        raise kind(_unreachable(settings, error)) from error


def _cached_folder(settings: Settings) -> Path | None:
    """Return the folder of a model in the hub's local cache; None if it is not there, or not whole."""
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        cached = Path(_fetcher(settings)(local_files_only=True))
    except (LocalEntryNotFoundError, FileNotFoundError):
        return None
    except HFValidationError as error:
        raise ModelError(f"'{settings.model}' is neither a folder nor a name of the hub: {error}") from error
    return cached if _is_whole(cached) else None


def _fetcher(settings: Settings) -> Callable[..., str]:
    """Return the function that fetches a model of the hub into the local cache, and returns its folder."""
    from huggingface_hub import snapshot_download

    return partial(snapshot_download, settings.model, revision=settings.revision, allow_patterns=_FILES)


def _is_refusal(error: Exception) -> bool:
    """Whether the hub, or a setting, refused: then trying again soon does not help."""
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    if isinstance(error, HfHubHTTPError) and error.response is not None:
        return bool(error.response.is_client_error) and error.response.status_code not in _COME_AGAIN
    return isinstance(error, OfflineModeIsEnabled | PermissionError)


def _is_whole(folder: Path) -> bool:
    """Whether a download is complete."""
    made = (folder / "config.json").exists() and any(folder.glob("model*.safetensors"))
    return made and _has_tokenizer(folder)


def _has_tokenizer(folder: Path) -> bool:
    """Whether the tokenizer's files are there; without them transformers makes an empty tokenizer."""
    both = (folder / "vocab.json").exists() and (folder / "merges.txt").exists()
    return both or (folder / "tokenizer.json").exists()


def _unreachable(settings: Settings, error: Exception) -> str:
    from huggingface_hub.constants import HF_HUB_CACHE

    revision = f" at revision {settings.revision}" if settings.revision else ""
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    if isinstance(error, PermissionError):
        return (
            f"the model {settings.model}{revision} cannot be kept: {error.filename or 'the cache'} may not "
            "be written; set HF_HOME to a folder that may, or `model` to a local folder with a CLIP"
        )
    return (
        f"the model {settings.model}{revision} is not a folder below {settings.home}, is not in the hub's "
        f"local cache {HF_HUB_CACHE} and could not be fetched ({type(error).__name__}: {reason[:160]}). Four "
        "ways out: connect to the internet once and run again; or set HF_HOME to where the cache lies now; "
        f"or set `model` in {settings.home / 'clipper.toml'} (or --model, or CLIPPER_MODEL) to a local "
        "folder with a CLIP; or use the sample model, models/clip-emoji in Clipper's data folder"
    )


def _read_config(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise ModelError(f"{folder} has no config.json: it is not a model folder") from None
    except ValueError as error:
        raise ModelError(f"{path} is not valid JSON: {error}") from error
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror or error}{owner_of(path)}") from error
    if not isinstance(config, dict):
        raise ModelError(f"{path} is no JSON object: it is not the configuration of a model")
    return config


def _fingerprint(folder: Path, weights: list[Path]) -> str:
    """Return the fingerprint of the files that determine the vectors."""
    files = [path for name in _IDENTITY if (path := folder / name).exists()]
    try:
        return fingerprint([*files, *weights], version=PREPROCESS_VERSION)
    except OSError as error:
        path = Path(error.filename or folder)
        raise ModelError(f"{path} cannot be read: {error.strerror or error}{owner_of(path)}") from error
