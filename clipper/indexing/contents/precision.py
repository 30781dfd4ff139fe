"""Which engine embeds the images of a run: the atlas's own, a measured one, or float32.

What does not belong here: measuring (`indexing/contents/sample.py`), and the engines (`models/engines/`).
"""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from clipper.indexing.contents.cluster import calibrate_on_cluster
from clipper.indexing.contents.sample import calibrate, sample_size, spread
from clipper.indexing.staging.workspace import Workspace
from clipper.models.engines.calibration import MIN_GAIN
from clipper.models.engines.record import describe_machine, read_choice, read_speeds, write_choice
from clipper.models.engines.towers import EXACT, available
from clipper.store.columns.entries import Entry

if TYPE_CHECKING:
    from clipper.models.encoder import Encoder

# Fewer images are embedded in float32 in less time than timing and comparing take.
CALIBRATE_FROM = 1_000
# Where the engines were timed before, comparing must save so many times what it costs: speeds vary.
_MARGIN = 1.5


def choose_engine(
    work: Workspace, encoder: "Encoder", key: str, entries: Sequence[Entry], to_embed: Collection[bytes]
) -> None:
    """Let `encoder` embed images as this atlas's are, and measure which engine that is if it is not known.

    The choice is kept beside the vectors: later runs, also interrupted ones, make theirs in the same way.

    Args:
        work: the home.
        encoder: the model.
        key: of the model's vectors.
        entries: files that are decoded in this run: any of them may be in the sample.
        to_embed: content hashes that lack a vector.
    """
    settings = work.settings
    if not to_embed or settings.dtype != "auto":
        return
    if settings.precision == "exact":
        encoder.use_engine(EXACT)
        return
    folder = work.home.embeddings(key)
    choice = read_choice(folder)
    serves = choice is not None and (bool(settings.dask) or choice.engine in available(encoder.device))
    if not serves and _is_worth_measuring(work, encoder, len(to_embed)):
        sample = spread(entries)
        if settings.dask:  # the machines that embed are those that are timed
            choice = calibrate_on_cluster(sample, settings, source=encoder.source)
        else:
            choice = calibrate(sample, work.folder, settings, encoder=encoder)
        if choice:
            write_choice(folder, choice)
            serves = True
    wanted = choice.engine if choice and serves else EXACT
    if wanted != encoder.engine_name:
        encoder.use_engine(wanted)


def _is_worth_measuring(work: Workspace, encoder: "Encoder", images: int) -> bool:
    """Whether a run of so many images ends sooner if it chooses an engine first.

    How fast the engines are need not be timed where an earlier run has done so, with this model on this
    machine: then only their neighbours are to be compared, and that soon saves more than it costs.
    """
    if images >= CALIBRATE_FROM or work.settings.dask:  # a cluster's machines are timed there
        return images >= CALIBRATE_FROM
    speeds = read_speeds(encoder.source.fingerprint, describe_machine(encoder.device))
    if not {EXACT} <= speeds.keys() <= {*available(encoder.device)}:
        return False
    exact, fastest = speeds[EXACT], max(speeds.values())
    if fastest < MIN_GAIN * exact:
        return False
    compared = min(sample_size(exact), images)
    return images * (1 / exact - 1 / fastest) > _MARGIN * compared * (1 / exact + 1 / fastest)
