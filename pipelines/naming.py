"""Definitions that are made once for each home, and what they are called there.

The one home of a Dagster has plain names: `reindex`, `umap_projection`. Of several homes each has its own:
the job `photos__reindex`, the asset `photos/umap_projection`. An asset, a check or an op is written once, as
a function with a parameter `home`; what the decorators below return makes the definition of one home.

What does not belong here: the definitions themselves, and which homes there are (`definitions.py`).
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import wraps
from inspect import isgeneratorfunction, signature
from pathlib import Path, PurePath
from typing import Any

import dagster as dg

from clipper.hashing import digest
from clipper.settings import HIDDEN_HOME, absolute_location
from pipelines import compat, failures

_HOME = "home"  # the parameter
# Two underscores stand between the home's name and what follows.
_NAME = re.compile(r"[A-Za-z0-9]+(_[A-Za-z0-9]+)*")


@dataclass(frozen=True)
class Names:
    """What the definitions of one home are called; `home` is empty for the one home of a Dagster."""

    home: str = ""

    def __post_init__(self) -> None:
        if self.home and not _NAME.fullmatch(self.home):
            raise ValueError(
                f"name = {self.home!r}: the name of a home is made of letters, digits and single underscores"
            )

    def key(self, asset: str) -> dg.AssetKey:
        """The key of one of the home's assets."""
        return dg.AssetKey([self.home, asset] if self.home else [asset])

    def called(self, what: str) -> str:
        """The name of a job, schedule, sensor or op of the home."""
        return f"{self.home}__{what}" if self.home else what

    @property
    def resource(self) -> str:
        """The name of the home as a resource."""
        return f"{_HOME}_{self.home}" if self.home else _HOME

    @property
    def group(self) -> str:
        """The group of the home's assets."""
        return self.home or "atlas"

    @property
    def pool(self) -> str:
        """The pool that all steps of the home belong to: a second run waits in Dagster's queue.

        Runs that come from elsewhere, or before the pool is made, wait for the home's lock.
        """
        return f"clipper_home_{self.home}" if self.home else "clipper_home"

    def owns(self, run: dg.DagsterRun) -> bool:
        """Whether a run is one of this home."""
        if not self.home or run.job_name.startswith(self.called("")):
            return True
        keys = [*(run.asset_selection or ()), *(k.asset_key for k in run.asset_check_selection or ())]
        return bool(keys) and all(key.path[0] == self.home for key in keys)


def name_of(home: str | Path, *, taken: Iterable[str] = ()) -> str:
    """A name for the home in a folder: that of the folder, as Dagster takes it.

    Args:
        home: its path or URL; one that is called `.clipper` has the name of the folder that it is in.
        taken: names of other homes; one that is among them gets a part of its path's hash behind it.
    """
    folder = PurePath(absolute_location(str(home)))
    label = folder.parent.name if folder.name == HIDDEN_HOME else folder.name
    safe = re.sub(r"[^A-Za-z0-9]+", "_", label).strip("_")
    if not re.search(r"[A-Za-z]", safe) or any(safe.lower() == other.lower() for other in taken):
        return "_".join(part for part in (safe or _HOME, digest(str(folder))[:6]) if part)
    return safe


Blueprint = Callable[[Names], Any]


def _blueprint(
    define: Callable[..., Any], translate: Callable[[Names, Mapping[str, Any]], dict[str, Any]]
) -> Callable[..., Callable[[Callable[..., Any]], Blueprint]]:
    def decorator(**options: Any) -> Callable[[Callable[..., Any]], Blueprint]:
        def keep(compute: Callable[..., Any]) -> Blueprint:
            def build(names: Names) -> Any:
                given = translate(names, {"name": compute.__name__, **options})
                return define(**given)(_for_home(compute, names))

            return wraps(compute)(build)

        return keep

    return decorator


def _of_asset(names: Names, options: Mapping[str, Any]) -> dict[str, Any]:
    given = {**options, "key": names.key(options["name"]), "pool": names.pool, "group_name": names.group}
    del given["name"]
    return {**given, "deps": [*map(names.key, options.get("deps", ()))]}


def _of_assets(names: Names, options: Mapping[str, Any]) -> dict[str, Any]:
    specs = [_spec_of(names, spec) for spec in options["specs"]]
    return {**options, "name": names.called(options["name"]), "specs": specs, "pool": names.pool}


def _of_source(names: Names, options: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": names.called(options["name"]), "spec": _spec_of(names, options["spec"])}


def _of_check(names: Names, options: Mapping[str, Any]) -> dict[str, Any]:
    more = [*map(names.key, options.get("additional_deps", ()))]
    return {**options, "asset": names.key(options["asset"]), "additional_deps": more, "pool": names.pool}


def _of_op(names: Names, options: Mapping[str, Any]) -> dict[str, Any]:
    return {**options, "name": names.called(options["name"])}


def _spec_of(names: Names, spec: dg.AssetSpec) -> dg.AssetSpec:
    deps = [names.key(dep.asset_key.path[-1]) for dep in spec.deps]
    return spec.replace_attributes(key=names.key(spec.key.path[-1]), deps=deps, group_name=names.group)


def _source(*, name: str, spec: dg.AssetSpec) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    return lambda compute: compat.observable_asset(spec, name=name)(failures.fail_in_one_line(compute))


asset = _blueprint(failures.asset, _of_asset)
multi_asset = _blueprint(failures.multi_asset, _of_assets)
observable_asset = _blueprint(_source, _of_source)
asset_check = _blueprint(failures.asset_check, _of_check)
op = _blueprint(failures.op, _of_op)


def _for_home(compute: Callable[..., Any], names: Names) -> Callable[..., Any]:
    """A function whose parameter `home` has the name of that home's resource, and which names its assets."""

    def told(kwargs: Mapping[str, Any]) -> dict[str, Any]:
        return _renamed(kwargs, old=names.resource, new=_HOME)

    def call(*args: Any, **kwargs: Any) -> Any:
        return _keyed(compute(*args, **told(kwargs)), names)

    def generate(*args: Any, **kwargs: Any) -> Iterator[Any]:
        for result in compute(*args, **told(kwargs)):
            yield _keyed(result, names)

    made: Any = wraps(compute)(generate if isgeneratorfunction(compute) else call)
    whole = signature(compute)
    parameters = [
        p.replace(name=names.resource if p.name == _HOME else p.name) for p in whole.parameters.values()
    ]
    made.__signature__ = whole.replace(parameters=parameters)
    made.__annotations__ = _renamed(compute.__annotations__, new=names.resource)
    del made.__wrapped__  # Dagster would look there for the parameters
    return made


def _renamed(values: Mapping[str, Any], *, new: str, old: str = _HOME) -> dict[str, Any]:
    return {new if name == old else name: value for name, value in values.items()}


def _keyed(result: Any, names: Names) -> Any:
    """A result of a step, about the home's asset instead of the one of that name."""
    if not isinstance(result, dg.MaterializeResult) or result.asset_key is None:
        return result
    key = dg.AssetKey.from_coercible(result.asset_key)
    return dg.MaterializeResult(
        asset_key=names.key(key.path[-1]), metadata=result.metadata, data_version=result.data_version
    )
