"""What an archive holds, and which ids its images get beside those of other archives.

What does not belong here: reading archives (`folder.py`).
"""

import re
from functools import partial
from pathlib import PurePosixPath

from clipper.errors import BadImageError
from clipper.images.files.found import FoundImage
from clipper.images.files.places import Contents, Member, member_id, sample_key
from clipper.images.folder import is_kept_name
from clipper.images.listing import Listing, describes_images, ending_to_show


def list_contents(contents: Contents, taken: set[str], described: set[str], listing: Listing) -> None:
    """Add the images of an archive, and what describes them, with ids that no earlier archive has.

    Args:
        contents: of the archive.
        taken: the ids of earlier archives' images.
        described: the paths of files in earlier archives that describe images.
        listing: to add to.
    """
    archive = contents.archive
    stem = PurePosixPath(archive.name).with_suffix("").as_posix()
    renamed: dict[str, str] = {}
    numbers: dict[str, int] = {}
    for image in contents.images:
        name = member_id(image.name)
        taken.add(image_id := _free(name, stem, taken, numbers))
        if image_id != name:
            renamed[name] = image_id
            renamed[name.rpartition(".")[0]] = image_id.rpartition(".")[0]
            renamed.setdefault(sample_key(name), sample_key(image_id))
        place = image.place_in(archive)
        listing.add_image(FoundImage(image_id, image.bytes, archive.mtime_ns, place, image.content_hash))
    for name, reason in contents.failed.items():
        taken.add(image_id := _free(member_id(name), stem, taken, numbers))
        listing.add_image(FoundImage(image_id, 0, archive.mtime_ns, reason=reason))
    tables = {table.id for table in listing.tables}
    for member in contents.beside:
        name = member_id(member.name)
        before, dot, ending = name.rpartition(".")
        path = f"{renamed.get(before, before)}{dot}{ending}"
        if path in described and path not in tables:  # such as the labels of each shard
            path = f"{stem}/{path}"
        described.add(path)
        if path in tables:  # of two tables of one name, the first describes the images
            listing.unread.append(f"{archive.name}/{name}")
        else:
            found = FoundImage(path, member.bytes, archive.mtime_ns, member.place_in(archive))
            listing.add(path, partial(itself, found))


def itself(found: FoundImage) -> FoundImage:
    """Return a file as it is: `Listing.add` asks for a function that describes it."""
    return found


def add_member(contents: Contents, member: Member) -> None:
    """Add a file to what an archive holds."""
    if member.content_hash is not None:
        contents.images.append(member)
    elif member.reason is not None:
        contents.failed[member.name] = member.reason
    elif describes_images(member.name) and is_kept_name(member_id(member.name)):
        contents.beside.append(member)
    else:
        contents.others[ending_to_show(member.name)] += 1


def add_damage(contents: Contents, error: Exception) -> None:
    """Note that an archive cannot be read, or not to its end; what was read before stays."""
    said = re.sub(r"\s+", " ", str(error)).strip()
    read = f" after {len(contents.images):,} images" if contents.images else ""
    reason = (
        said if isinstance(error, BadImageError) else f"is damaged{read} ({said or type(error).__name__})"
    )
    contents.failed[contents.archive.name] = reason


def _free(name: str, stem: str, taken: set[str], numbers: dict[str, int]) -> str:
    """Return an id that no other image has: the name, or one with the archive's name before it.

    An archive may hold many files of one name; `numbers` has the last number that each name got.
    """
    if name not in taken:
        return name
    number = numbers.get(name, 1)
    longer = f"{stem}/{name}" if number == 1 else f"{stem}/{number}/{name}"
    while longer in taken:
        number += 1
        longer = f"{stem}/{number}/{name}"
    numbers[name] = number
    return longer
