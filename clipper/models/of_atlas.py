"""Find the model that made an atlas's vectors, wherever it lies now: a model is its fingerprint.

What does not belong here: finding a model by its name (`models/source.py`), and running it.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from shlex import quote
from typing import Any

from clipper.errors import HubError, ModelError, SettingsError
from clipper.models import source
from clipper.models.source import ModelSource
from clipper.settings import CONFIG_NAME, Settings


def find_made_by(model: Mapping[str, Any], settings: Settings) -> ModelSource:
    """Find the model with the fingerprint of an atlas's vectors.

    Where it lies is a setting: it is looked for where `settings` and the home's clipper.toml say now, then
    where it was when the images were indexed. Only if no such place of this machine has it, a model of the
    hub is fetched.

    Args:
        model: a snapshot's entry of the model: name, revision, fingerprint.
        settings: of the home.

    Raises:
        ModelError: none of them is the model; the message names the places, and the way out.
        HubError: it must be fetched, and the hub does not answer.
    """
    places, why, kind = list(_places(model, settings)), {}, ModelError
    for find in (source.find_here, source.find):
        for place in places:
            if (named := _key(place)) in why:
                continue
            try:
                source.local_folder(place)
            except ModelError as error:
                why[named] = f"cannot be used ({error})" if error.__cause__ else "is not there"
                continue
            try:
                found = find(place)
            except HubError as error:
                if len(places) == 1:
                    raise
                why[named], kind = f"cannot be fetched ({error.__cause__!r:.160})", HubError
                continue
            except ModelError as error:
                why[named] = f"cannot be used ({_short(error)})"
                continue
            if found and found.fingerprint == model["fingerprint"]:
                return found
            if found:
                why[named] = "is not the model this atlas was made with: its files are others"
    raise kind(_lost(_key(_as_indexed(model, settings)), why, settings))


def _places(model: Mapping[str, Any], settings: Settings) -> Iterator[Settings]:
    """Yield settings that may find the model: the present ones, then those of the run that indexed."""
    present = [settings]
    with suppress(SettingsError):  # a server read its settings once; somebody may have mended the file since
        present.append(Settings.load(settings.home))
    # Not the default model: nobody said that this atlas has it, and it would be fetched.
    named = [each for place in present if "model" in place.model_fields_set for each in place.models]
    seen = set()
    for place in (*named, _as_indexed(model, settings)):
        if (key := _key(place)) not in seen:
            seen.add(key)
            yield place


def _as_indexed(model: Mapping[str, Any], settings: Settings) -> Settings:
    """Return settings that name a model as the run did that indexed with it."""
    then = {"model": str(model["name"]), "model_revision": model.get("revision") or ""}
    return settings.model_copy(update=then)


def _key(place: Settings) -> tuple[str, str]:
    """Return the name of a model and its revision, "" for none: a name may stand there with several."""
    return place.model_name, place.revision or ""


def _short(error: ModelError) -> str:
    """Say why a model cannot be used, without ways out: `_lost` tells them."""
    from huggingface_hub.errors import OfflineModeIsEnabled

    if isinstance(error.__cause__, OfflineModeIsEnabled):
        return "it is not in the hub's local cache, and HF_HUB_OFFLINE keeps it from being fetched"
    return str(error)


def _lost(then: tuple[str, str], why: Mapping[tuple[str, str], str], settings: Settings) -> str:
    """Say where the model was looked for, and what to do."""
    config = settings.home / CONFIG_NAME
    setting = "CLIPPER_MODEL" if os.environ.get("CLIPPER_MODEL") else f"`model` in {config}"
    names = [name for name, _ in why]
    told = {key: f"{key[0]}@{key[1]}" if key[1] and names.count(key[0]) > 1 else key[0] for key in why}
    others = [f"{told[key]}, which {setting} names, {reason}" for key, reason in why.items() if key != then]
    return (
        f"the model of this atlas is not found: {told[then]}, where it was when the images were indexed, "
        f"{'; '.join([why[then], *others])}. Set {setting} to where it lies now: searches work at once, and "
        "nothing is embedded again. Or embed all images again, with the model that the setting names: "
        f"`clipper index --home {quote(settings.home_name)}`"
    )
