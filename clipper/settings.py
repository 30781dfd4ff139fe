"""The settings: arguments > `CLIPPER_*` environment > `<home>/clipper.toml` > the defaults below.

What does not belong here: anything that reads images, the store or a model.
"""

import codecs
import os
import posixpath
import re
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from glob import has_magic
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from clipper.errors import SettingsError
from clipper.mirror import copy as copies
from clipper.mirror import location

DEFAULT_MODEL = "openai/clip-vit-base-patch32"
# The commit of the default model's repository that has safetensors; its `main` has only a pickle.
DEFAULT_REVISION = "c237dc49a33fc61debc9276459120b7eac67e7ef"
CONFIG_NAME = "clipper.toml"
# Bump it when Clipper reads files that it refused before: those that failed are tried again, and no others.
READS_VERSION = "3"
# Packages that decode images: those of a usual installation, and those that somebody may add.
USUAL_DECODERS, MORE_DECODERS = ("pi_heif", "pylibjxl", "tifffile"), ("imagecodecs", "rawpy")
HIDDEN_HOME = ".clipper"
DEFAULT_IMAGES = "images"
# When a map is laid out again, starting from its positions.
Refit = Literal["auto", "never", "always"]
# Each model costs a pass of its own over all images, and a map.
MAX_MODELS = 8
_OPEN_CLIPS = "hf-hub:"  # before a name of the hub, as OpenCLIP writes it
# A name of the hub with a revision.
_PINNED = re.compile(r"([\w.-]+/[\w.-]+)@([\w./-]+)")
MAX_WEIGHT = 1_000  # of `cross_modal_weight`
MAX_SHARDS = 256  # of `chroma_shards`
_ARCHIVE_ENDING = re.compile(r"\.(tar|zip|parquet|arrow|tiff?)$", re.IGNORECASE)
_SERVER = re.compile(r"https?://[^\s/@?#]+/?")
_PAGE = re.compile(r"https?://[^\s@/]+(/\S*)?")
_SCHEDULER = re.compile(r"(tcp|tls|ws|wss)://[^\s@]+")


class Settings(BaseSettings):
    """The settings of one home."""

    model_config = SettingsConfigDict(
        env_prefix="CLIPPER_", env_ignore_empty=True, extra="forbid", frozen=True
    )

    home: Path = Field(description="Folder of the atlas: clipper.toml and store/")
    images: str = Field(
        DEFAULT_IMAGES, description="Images folder, archives such as shards/*.tar, or a URL of fsspec"
    )
    title: str = Field("", description="Name shown in the viewer; if empty, the images folder's name")
    model: str | list[str] = Field(
        DEFAULT_MODEL,
        description="Model of the Hugging Face hub (NAME or NAME@REVISION), or a local folder; or several",
    )
    model_revision: str = Field("", description="Commit, tag or branch of a hub model, the first of several")
    device: str = Field(
        "auto", description="Where the model and the search for neighbours run: auto, cpu, cuda, cuda:1, mps"
    )
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto",
        description="Fixed precision of the image model: float32, bfloat16, float16; auto: see precision",
    )
    precision: Literal["auto", "exact"] = Field(
        "auto",
        description=(
            "auto: embed many images in the fastest precision that finds the same neighbours; exact: float32"
        ),
    )
    batch_size: int = Field(64, ge=1, le=4096, description="Images per forward pass")
    max_pixels: int = Field(178_000_000, ge=1, description="Skip images that have more pixels")
    max_bytes: int = Field(1 << 29, ge=1, description="Skip files that have more bytes")
    max_seconds: float = Field(
        60, gt=0, le=86_400, description="Skip files that take longer to read and decode, in seconds"
    )
    damaged: Literal["index", "skip"] = Field(
        "index", description="Files that end early or are broken: index what there is of them, or skip them"
    )
    verify: bool = Field(
        default=False, description="Hash every file again, even if its size and time are as before"
    )
    labels: str | list[str] = Field(
        "auto",
        description=(
            "Label files of other tools: auto (found beside the images), off, or paths, patterns or URLs"
        ),
    )
    allow_shrink: bool = Field(
        default=False,
        description=(
            "Publish even if more than half of the images are gone, or of those that a file describes"
        ),
    )
    gps: bool = Field(
        default=False,
        description="Keep where photos were taken; a map shown to others may then show where you live",
    )
    umap_n_neighbors: int = Field(15, ge=2, le=200, description="UMAP's n_neighbors")
    umap_min_dist: float = Field(0.1, ge=0.0, le=0.99, description="UMAP's min_dist")
    umap_seed: int = Field(42, ge=0, lt=2**32, description="UMAP's seed: the same seed gives the same map")
    umap_fit_limit: int = Field(
        200_000, ge=100, description="Most images that UMAP fits; further images are placed among them"
    )
    refit: Refit = Field(
        "auto", description="When to lay the map out again: auto (when it no longer serves), never, always"
    )
    cross_modal_weight: Literal["auto"] | float = Field(
        "auto",
        description=(
            "Factor on the similarity of a text and an image: auto (CLIPScore's 2.5 for CLIP, measured on "
            "the dataset for other models), or a number"
        ),
    )
    clusters: bool = Field(
        default=True, description="Find clusters of images, and the images that stand for them"
    )
    cluster_names: bool = Field(default=True, description="Name the clusters by the text side of the model")
    scores: bool = Field(
        default=True, description="Score each image: how odd, how unique, how sharp and bright it is"
    )
    outlier_deviations: float = Field(
        2.5, gt=0, description="Deviations from what is usual at which an image stands apart"
    )
    label_issues: bool = Field(default=True, description="Find images whose label looks wrong")
    label_confidence: float = Field(
        0.5, ge=0, le=1, description="Least confidence that a label is wrong, 0 to 1"
    )
    word_columns: bool = Field(default=True, description="Make the columns of words that people keep")
    drift: bool = Field(
        default=True, description="Tell how new images differ from those of the version before"
    )
    drift_level: float = Field(
        0.05, gt=0, lt=1, description="Share of the cases without any drift in which drift is reported"
    )
    duplicates: bool = Field(default=True, description="Find images that are double, exactly or nearly")
    duplicate_similarity: float = Field(
        0.9, gt=0, le=1, description="Least similarity of two pictures that count as double, 0 to 1"
    )
    schedule: str = Field("0 2 * * *", description="Cron line of the scheduled reindex, in UTC")
    keep_runs: int = Field(30, ge=1, description="Days after which Dagster's finished runs are deleted")
    chroma: str | list[str] = Field(
        "",
        description=(
            "URL of a Chroma server for the collections, or of several that share the rows; if empty, the "
            "collections are in the home"
        ),
    )
    chroma_shards: int = Field(
        0,
        ge=0,
        le=MAX_SHARDS,
        description="Collections over which the rows are spread; if 0, one a server, and in the home one for "
        "each 250,000 rows",
    )
    map_url: str = Field("", description="Where the map of this home is served; Dagster's pages link to it")
    dask: str = Field(
        "",
        description="Address of a Dask scheduler whose workers hash, decode, embed and search; if empty, "
        "this machine does",
    )

    @field_validator("cross_modal_weight", mode="before")
    @classmethod
    def _weight(cls, weight: object) -> object:
        if weight == "auto":
            return weight
        try:
            number = float(weight)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            number = 0.0
        if not 0 < number <= MAX_WEIGHT:
            raise ValueError(f'must be "auto", or a number above 0 and at most {MAX_WEIGHT}')
        return number

    @field_validator("chroma")
    @classmethod
    def _server_urls(cls, given: str | list[str]) -> str | list[str]:
        urls = [given] if isinstance(given, str) else given
        if not all(_SERVER.fullmatch(url) or (not url and isinstance(given, str)) for url in urls):
            raise ValueError(
                "must be http://HOST:PORT or https://HOST:PORT; sign-in goes through Chroma's own "
                "CHROMA_CLIENT_AUTH_PROVIDER and CHROMA_CLIENT_AUTH_CREDENTIALS"
            )
        urls = [url.rstrip("/") for url in urls]
        if len(set(urls)) < len(urls):
            raise ValueError("names a server twice; set chroma_shards for several collections on one server")
        return urls if len(urls) > 1 else "".join(urls)

    @field_validator("model")
    @classmethod
    def _models(cls, model: str | list[str]) -> str | list[str]:
        if isinstance(model, str):
            return model.removeprefix(_OPEN_CLIPS)
        names = list(dict.fromkeys(name.removeprefix(_OPEN_CLIPS) for name in model))
        if not names or not all(names):
            raise ValueError("must name a model, or a list of models")
        if len(names) > MAX_MODELS:
            raise ValueError(f"must name at most {MAX_MODELS} models")
        return names if len(names) > 1 else names[0]

    @field_validator("map_url")
    @classmethod
    def _page_url(cls, url: str) -> str:
        if url and not _PAGE.fullmatch(url):
            raise ValueError("must be http://HOST:PORT/viewer or https://..., as a browser opens it")
        return url

    @field_validator("dask")
    @classmethod
    def _scheduler_address(cls, address: str) -> str:
        if address and not _SCHEDULER.fullmatch(address):
            raise ValueError("must be tcp://HOST:PORT, tls://HOST:PORT, ws:// or wss://")
        return address

    @classmethod
    def load(cls, home: str | Path | None = None, **overrides: Any) -> Self:
        """Read the settings of `home`, or of the home that `find_home` finds.

        Raises:
            SettingsError: no home is found, clipper.toml is unreadable, or a setting is unknown or malformed.
        """
        folder = locate_home(home) if home else find_home()
        config = folder / CONFIG_NAME
        located = type(cls.__name__, (cls,), {"model_config": SettingsConfigDict(toml_file=config)})
        given = {key: value for key, value in overrides.items() if value is not None}
        if "images" not in given and (images := os.environ.get("CLIPPER_IMAGES")):
            given["images"] = absolute_location(images)
        try:
            settings: Self = located(home=folder, **given)
        except ValidationError as error:
            raise SettingsError(_describe(error, config, given)) from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            marked = config.read_bytes().startswith(codecs.BOM_UTF8)
            why = "it begins with a byte order mark; save it as plain UTF-8" if marked else error
            raise SettingsError(f"{config} is not valid TOML: {why}") from error
        except OSError as error:
            raise SettingsError(f"{config} cannot be read: {error.strerror}") from error
        return settings

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the signature is pydantic's
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read arguments first, then the environment, then the home's file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    @property
    def home_name(self) -> str:
        """What a person calls the home: its URL on an object store, or its folder."""
        copy = copies.of(self.home)
        return copy.url if copy else str(self.home)

    @property
    def servers(self) -> list[str]:
        """The URLs of the Chroma servers; none if the collections are in the home."""
        given = [self.chroma] if isinstance(self.chroma, str) else self.chroma
        return [url for url in given if url]

    @property
    def images_location(self) -> str:
        """The images folder as an absolute path, or its URL."""
        return self.locate_images(self.images)

    def locate_images(self, images: str) -> str:
        """Return where an images folder is that clipper.toml, or a version, names relative to the home."""
        copy = copies.of(self.home)
        if copy is None:
            return absolute_location(images, base=self.home)
        if is_url(images) or Path(images).expanduser().is_absolute():
            return absolute_location(images)
        scheme, _, path = copy.url.partition("://")
        return f"{scheme}://{posixpath.normpath(posixpath.join(path, images))}"

    @property
    def limits(self) -> str:
        """The limits for a file, as one text: a file that failed is tried again when they change.

        A Clipper that reads more, and decoders that were added or removed, change it too.
        """
        return f"{self.max_pixels}/{self.max_bytes}/{self.max_seconds:g}/{READS_VERSION}{_decoders()}"

    @property
    def skips_damaged(self) -> bool:
        """Whether files that can be decoded only in part are skipped."""
        return self.damaged == "skip"

    @property
    def display_title(self) -> str:
        """The title; without one, the images folder's name, or its parent's if it is called `images`.

        Images in archives have the name of the archive, or of the folder that a pattern leads to.
        """
        location = self.images_location
        parts = location.split("/") if is_url(location) else Path(location).parts[1:]
        named = [part for part in parts if part not in {"", "images"} and not has_magic(part)]
        last = _ARCHIVE_ENDING.sub("", named[-1]) if named else ""
        return self.title or last or "Clipper"

    @property
    def models(self) -> tuple[Self, ...]:
        """The settings with each of the models alone, in their order."""
        if isinstance(self.model, str):
            return (self,)
        first, *others = self.model
        alone = [self.model_copy(update={"model": first})]
        alone += [self.model_copy(update={"model": name, "model_revision": ""}) for name in others]
        return tuple(alone)

    @property
    def model_name(self) -> str:
        """The name of the model, the first of several, without a revision."""
        return self._named[0]

    @property
    def revision(self) -> str | None:
        """The revision of the model, the first of several; the default model has a pinned one."""
        name, revision = self._named
        pinned = DEFAULT_REVISION if name == DEFAULT_MODEL else None
        return revision or self.model_revision or pinned

    @property
    def _named(self) -> tuple[str, str]:
        """The name of the first model, and the revision that was written with it, "" for none."""
        first = self.model if isinstance(self.model, str) else self.model[0]
        found = _PINNED.fullmatch(first)
        is_folder = found and any(sees_folder(place / first) for place in (self.home, Path.cwd()))
        return (found[1], found[2]) if found and not is_folder else (first, "")


def is_url(location: str) -> bool:
    """Whether a location is an fsspec URL, not a path on this machine."""
    return "://" in location


def absolute_location(location: str, *, base: Path | None = None) -> str:
    """Make a path absolute, from `base` or from the working folder; return a URL as it is."""
    if is_url(location):
        return location
    return str(((base or Path.cwd()) / Path(location).expanduser()).resolve())


def locate_home(home: str | Path) -> Path:
    """Return the folder of a home that is named: of one on an object store its local copy.

    The copy's settings, and what people gave, are brought up to date first.

    Raises:
        SettingsError: a home cannot be at that URL.
        StoreError: the object store refuses or does not answer.
    """
    folder = named_folder(home).resolve()
    return folder if copies.of(folder) else _home_of(folder)


def named_folder(home: str | Path) -> Path:
    """Return the folder that a home's name means, whether or not it is one: of a URL the local copy.

    Raises:
        SettingsError: a home cannot be at that URL.
        StoreError: the object store refuses or does not answer.
    """
    if isinstance(home, str) and location.is_url(home):
        folder = location.local_path(home) or location.copy_of(home)
    else:
        folder = Path(home).expanduser()
    if copy := copies.of(folder.resolve()):  # one object for a copy, however its folder is named
        copy.refresh_root()
        return copy.folder
    return folder


def _home_of(folder: Path) -> Path:
    """Resolve a path to its home: the folder itself, or the `.clipper` inside it."""
    within = folder / HIDDEN_HOME
    is_home = sees_file(folder / CONFIG_NAME) or sees_folder(folder / "store")
    return within if not is_home and sees_file(within / CONFIG_NAME) else folder


def sees_file(path: Path) -> bool:
    """Whether there is a file that this user sees; what lies in a folder that is closed to them is not."""
    try:
        return path.is_file()
    except OSError:
        return False


def sees_folder(path: Path) -> bool:
    """Whether there is a folder that this user sees."""
    try:
        return path.is_dir()
    except OSError:
        return False


def find_home() -> Path:
    """Find the home to use if none is named.

    This is `CLIPPER_HOME`, or the first of `./`, `./.clipper` and `./data` that holds a clipper.toml, or the
    nearest `.clipper` of a folder above.

    Raises:
        SettingsError: there is no home.
    """
    if named := os.environ.get("CLIPPER_HOME"):
        return locate_home(named)
    here = Path.cwd()
    candidates = [here, here / HIDDEN_HOME, here / "data"]
    candidates += [parent / HIDDEN_HOME for parent in here.parents]
    for candidate in candidates:
        if sees_file(candidate / CONFIG_NAME):
            return candidate
    raise SettingsError(
        f"no atlas found from {here}: name one with --home HOME or CLIPPER_HOME, "
        "or make one with `clipper index FOLDER-OF-IMAGES`"
    )


def _describe(error: ValidationError, config: Path, given: Mapping[str, Any]) -> str:
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        where = "given for this run" if name in given else str(config)
        near = get_close_matches(name, Settings.model_fields, n=1)
        meant = f"is '{near[0]}' meant? " if near else ""
        known = ", ".join(sorted(Settings.model_fields))
        return f"{where}: unknown setting '{name}'; {meant}known are {known}"
    variable = f"CLIPPER_{name.upper()}"
    if name in given and not (name == "images" and variable in os.environ):
        where = "given for this run"
    else:
        where = variable if variable in os.environ else str(config)
    return f"{where}: {name} = {first['input']!r}: {first['msg']}"


@cache
def _decoders() -> str:
    """Say which decoders are missing here, or more than usual, as one text; "" for the usual ones."""
    there = {name: find_spec(name) is not None for name in USUAL_DECODERS + MORE_DECODERS}
    missing = [f"-{name}" for name in USUAL_DECODERS if not there[name]]
    return "".join([*missing, *(f"+{name}" for name in MORE_DECODERS if there[name])])
