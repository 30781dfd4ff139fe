"""Calibrate on a sample of the dataset: decode some images, time the engines, compare their neighbours.

What does not belong here: the measures themselves (`models/engines/calibration.py`), and whether a run
calibrates at all (`indexing/contents/precision.py`).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from clipper.errors import ModelError
from clipper.images.folder import ImageFolder
from clipper.indexing.contents.decode import decode_crops
from clipper.models.engines.calibration import TIMED, Calibration, choose, time_engines
from clipper.models.engines.record import describe_machine, keep_speeds, read_speeds
from clipper.models.engines.towers import EXACT, Engine, available
from clipper.settings import Settings
from clipper.store.columns.entries import Entry

if TYPE_CHECKING:
    from clipper.models.encoder import Encoder

# The sample has as many images as float32 embeds in these seconds, within these bounds.
SAMPLE_SECONDS, SAMPLE_FROM, SAMPLE_TO = 4, 64, 512


def spread(entries: Sequence[Entry], count: int = SAMPLE_TO) -> list[Entry]:
    """Return `count` entries, evenly over all: a folder of one kind of image is no sample of the others."""
    step = max(1.0, len(entries) / count)
    return [entries[int(position * step)] for position in range(min(count, len(entries)))]


def sample_size(speed: float) -> int:
    """Return how many images are compared where float32 embeds so many a second."""
    return min(max(int(speed * SAMPLE_SECONDS), SAMPLE_FROM), SAMPLE_TO)


def calibrate(
    entries: Sequence[Entry], folder: ImageFolder, settings: Settings, *, encoder: "Encoder"
) -> Calibration | None:
    """Choose the engine with which `encoder` embeds images, and let it do so; None if too few can be decoded.

    Args:
        entries: a sample of the dataset, evenly over it; a part of it may do.
        folder: where the files are.
        settings: the limits of decoding.
        encoder: the model.
    """
    timed = decode_crops(entries[:: max(1, len(entries) // TIMED)], folder, settings, encoder.transform)
    if not len(timed):
        return None
    machine = describe_machine(encoder.device)
    engines = dict(_engines(encoder))
    speeds = read_speeds(encoder.source.fingerprint, machine)
    if speeds.keys() != engines.keys():
        speeds = time_engines(engines, timed)
        keep_speeds(encoder.source.fingerprint, machine, speeds)
    wanted = sample_size(speeds[EXACT])
    crops = decode_crops(spread(entries, wanted), folder, settings, encoder.transform)
    if len(crops) < min(SAMPLE_FROM, wanted):
        return None
    choice = choose(engines, crops, speeds=speeds, machine=machine)
    encoder.use_engine(engines[choice.engine])
    return choice


def _engines(encoder: "Encoder") -> "list[tuple[str, Engine]]":
    """Make the engines that this model and this machine can run."""
    made = []
    for name in available(encoder.device):
        try:
            made.append((name, encoder.make_engine(name)))
        except ModelError:
            if name == EXACT:
                raise
    return made
