"""Read COCO's JSON: instances, captions and keypoints, LVIS, and what other tools export as COCO.

msgspec reads only the fields that are needed: of 544 MB with 800,000 polygons in 1 second and 0.8 GB of
memory, where `json` took 11 seconds and 3.8 GB, and labelformat's reader 14 seconds (and one wrong id ended
it). What does not belong here: which image of the folder is meant (`match.py`).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from clipper.annotations.formats.coco_json import (
    BOM,
    CocoCategory,
    CocoImage,
    CocoObject,
    decode_document,
    decode_json,
    decode_records,
    id_key,
    to_numbers,
)
from clipper.annotations.formats.labels import Labels, Problems, below, category_name, plain_path, unit_of
from clipper.annotations.formats.outlines import Bounds, around, bounds_of
from clipper.errors import ImagesError
from clipper.text import clean

if TYPE_CHECKING:
    import numpy as np

_SIDES = 4


def read_coco(data: bytes, *, name: str, source: str) -> Labels:
    """Read a COCO file. A box is left, top, width, height in pixels.

    An object whose category is not in the file gets the name "category 7"; one without a box gets that of
    its polygon or mask.

    Args:
        data: the file's bytes.
        name: of the file below the images folder, for notes and for images that lie beside it.
        source: the file's path or URL, for errors.

    Raises:
        ImagesError: the file is no JSON object with images.
    """
    document = decode_document(data, source)
    problems = Problems()
    images = decode_records(document.get("images"), CocoImage, "image(s)", problems)
    listed = decode_records(document.get("categories"), CocoCategory, "categories", problems)
    objects = _parts(decode_records(document.get("annotations"), CocoObject, "annotation(s)", problems))

    is_labelled = document.get("annotations") is not None
    labels = _labels(images, listed, objects, name, problems)
    labels.lists_objects &= is_labelled
    problems.add(
        'image(s) are listed in a file that has no "annotations"',
        "they count as not labelled",
        (each[-1] for each in labels.names[:3]),
        count=0 if is_labelled else len(labels.names),
    )
    return labels


def read_results(data: bytes, references: Iterable[bytes], *, name: str, source: str) -> Labels:
    """Read the results of a detector or captioner as COCO has them: a list of objects without images.

    Its ids are those of the reference that has most of them. Without one, an id is the name of an image, as
    139 is of 000000000139.jpg.

    Args:
        data: the file's bytes.
        references: the bytes of COCO files.
        name: of the file below the images folder, for notes.
        source: the file's path or URL, for errors.

    Raises:
        ImagesError: the file is not valid JSON.
    """
    problems = Problems()
    try:
        raw: Any = msgspec.json.decode(data.removeprefix(BOM), type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError):
        raw = decode_json(data.removeprefix(BOM), source)
    objects = decode_records(raw, CocoObject, "result(s)", problems)
    ids = {key: one.image_id for one in objects if (key := id_key(one.image_id)) is not None}
    images, listed, most = [CocoImage(given, _numbered(given)) for given in ids.values()], [], 0
    for reference in references:
        try:
            document = decode_document(reference, source)
        except ImagesError:
            continue  # reading it for itself reports it
        there = decode_records(document.get("images"), CocoImage, "image(s)", Problems())
        known = sum(id_key(one.id) in ids for one in there)
        if known > most:
            images, most = [one for one in there if id_key(one.id) in ids], known
            listed = decode_records(document.get("categories"), CocoCategory, "categories", Problems())
    return _labels(images, listed, objects, name, problems)


def _numbered(image_id: Any) -> str:
    """Return the name that COCO gives an image of a number."""
    key = id_key(image_id)
    return f"{key:012d}" if isinstance(key, int) and key >= 0 else str(image_id)


def _labels(
    images: "Sequence[CocoImage]",
    listed: "Sequence[CocoCategory]",
    objects: "Sequence[CocoObject]",
    name: str,
    problems: Problems,
) -> Labels:
    import numpy as np

    numbers, names, sizes = _images(images, name, problems)
    known, categories = _categories(listed)
    image = _found([one.image_id for one in objects], numbers)
    lost = np.flatnonzero(image < 0)
    problems.add(
        "annotation(s) name an image id that the file does not have",
        "left out",
        (objects[i].image_id for i in lost[:3].tolist()),
        count=len(lost),
    )
    captions = _captions(objects, image, problems)
    given = np.array([one.category_id is not None or one.bbox is not None for one in objects], bool)
    kept = np.flatnonzero((image >= 0) & given).tolist()
    objects, image = [objects[i] for i in kept], image[kept]
    category = _category_codes([one.category_id for one in objects], known, categories, problems)
    boxes = _boxes(objects, problems)
    return Labels(
        source=name,
        names=names,
        sizes=sizes,
        image=image,
        category=category,
        categories=categories,
        boxes=boxes,
        unit=unit_of(boxes),
        crowd=np.array([one.iscrowd in (1, True) for one in objects], bool),
        score=to_numbers([one.score for one in objects]).astype(np.float32),
        captions=captions,
        lists_objects=bool(categories or len(image)),
        problems=problems,
    )


def _parts(objects: Sequence[CocoObject]) -> list[CocoObject]:
    """Return the objects. A panoptic file has one annotation for each image, whose segments are objects."""
    found: list[CocoObject] = []
    for one in objects:
        if not isinstance(one.segments_info, list):
            found.append(one)
            continue
        for part in one.segments_info:
            if isinstance(part, dict):
                category, box, crowd = (part.get(key) for key in ("category_id", "bbox", "iscrowd"))
                found.append(CocoObject(image_id=one.image_id, category_id=category, bbox=box, iscrowd=crowd))
    return found


def _images(
    images: Sequence[Any], name: str, problems: Problems
) -> "tuple[dict[Any, int], list[tuple[str, ...]], np.ndarray]":
    """Return id -> image, the names of each image, and its size."""
    import numpy as np

    folder = name.rpartition("/")[0]
    numbers: dict[Any, int] = {}
    names: list[tuple[str, ...]] = []
    chosen: list[Any] = []
    unnamed: list[Any] = []
    twice: list[Any] = []
    for one in images:
        key, path = id_key(one.id), _name_of(one)
        if key is None or not path:
            unnamed.append(one.id)
        elif key in numbers:
            twice.append(one.id)
        else:
            numbers[key] = len(names)
            names.append((below(folder, path), path) if folder else (path,))
            chosen.append(one)
    problems.add("image(s) have no id or no file_name", "left out", unnamed, count=len(unnamed))
    problems.add("image id(s) are there twice", "the first one is used", twice, count=len(twice))
    sizes = np.stack([to_numbers([getattr(one, side) for one in chosen]) for side in ("width", "height")], 1)
    sizes[~(sizes > 0).all(axis=1)] = np.nan
    return numbers, names, sizes


def _name_of(image: Any) -> str:
    """Return the path of an image's file; LVIS has none, but a URL that ends with it."""
    for value in (image.file_name, image.path):
        if type(value) is int:
            return str(value)
        if isinstance(value, str) and value.strip():
            return plain_path(clean(value))
    url = image.coco_url
    return "/".join(plain_path(clean(url)).split("/")[-2:]) if isinstance(url, str) else ""


def _categories(listed: Sequence[Any]) -> tuple[dict[Any, int], list[str]]:
    """Return id -> category, and the names of categories; ids of one name are one category."""
    codes: dict[str, int] = {}
    known: dict[Any, int] = {}
    for one in listed:
        if (key := id_key(one.id)) is not None:
            known[key] = codes.setdefault(category_name(one.name, f"category {key}"), len(codes))
    return known, list(codes)


def _found(keys: Sequence[Any], known: Mapping[Any, int]) -> "np.ndarray":
    """Return the number of each key, (n,) int64; -1 for one that is not known."""
    import numpy as np

    return np.array([known.get(key if type(key) is int else id_key(key), -1) for key in keys], np.int64)


def _category_codes(
    given: Sequence[Any], known: Mapping[Any, int], categories: list[str], problems: Problems
) -> "np.ndarray":
    """Return the category of each object, (m,) int32; append those that the file does not name."""
    import numpy as np

    codes = _found(given, known).astype(np.int32)
    added: dict[str, int] = {name: code for code, name in enumerate(categories)}
    unknown = np.flatnonzero(codes < 0).tolist()
    for i in unknown:
        key = id_key(given[i])
        name = "unknown" if key is None else category_name(f"category {key}", "unknown")
        codes[i] = added.setdefault(name, len(added))
    categories[:] = list(added)
    problems.add(
        "object(s) have a category id that the file does not have",
        'they are kept as "category" and the id',
        (given[i] for i in unknown[:3]),
        count=len(unknown),
    )
    return codes


def _captions(objects: Sequence[Any], image: "np.ndarray", problems: Problems) -> dict[int, list[str]]:
    captions: dict[int, list[str]] = {}
    odd: list[Any] = []
    for one, number in zip(objects, image.tolist(), strict=True):
        if one.caption is None or number < 0:
            continue
        text = clean(one.caption).strip() if isinstance(one.caption, str) else ""
        if text:
            known = captions.setdefault(number, [])
            known += [text] if text not in known else []
        else:
            odd.append(one.caption)
    problems.add("caption(s) are no text", "left out", odd, count=len(odd))
    return captions


def _boxes(objects: Sequence[Any], problems: Problems) -> "np.ndarray":
    """Return the boxes, (m, 4) float64; NaN where an object has none."""
    import numpy as np

    given = [one.bbox for one in objects]
    try:
        boxes = np.array(given, np.float64)
    except (ValueError, TypeError, OverflowError):
        boxes = np.empty(0)
    if boxes.shape == (len(objects), _SIDES) and bool(np.isfinite(boxes).all()):
        return boxes
    boxes = np.full((len(objects), _SIDES), np.nan)
    odd: list[Any] = []
    for i, box in enumerate(given):
        if box is None or box == []:
            boxes[i] = bounds_of(objects[i].segmentation) or _around_points(objects[i].keypoints) or np.nan
            continue
        found = _four(box)
        odd += [] if found else [box]
        boxes[i] = found or np.nan
    problems.add("box(es) are no list of four numbers", "the category is kept", odd, count=len(odd))
    return boxes


def _around_points(keypoints: msgspec.Raw) -> Bounds | None:
    """Return the box around the keypoints that are labelled: x, y, and 0 for one that is not."""
    try:
        numbers = msgspec.json.decode(keypoints, type=list[float]) if keypoints else []
    except (msgspec.DecodeError, RecursionError):
        return None
    points = [(x, y) for x, y, seen in zip(numbers[::3], numbers[1::3], numbers[2::3], strict=False) if seen]
    return around([x for x, _ in points], [y for _, y in points])


def _four(box: Any) -> list[float] | None:
    if not isinstance(box, list) or len(box) != _SIDES:
        return None
    numbers = to_numbers(box).tolist()
    return numbers if all(number - number == 0 for number in numbers) else None
