"""The viewer's thread pools, shared by all sessions: one for each kind of work, so that kinds do not wait.

The server's event loop answers every visitor, so work of more than a few milliseconds runs here. What does
not belong here: the work itself, and how its outcome returns to a session (`session/background.py`).
"""

import os
from concurrent.futures import ThreadPoolExecutor

# An environment variable: with how many threads one of several workers draws.
RENDER_THREADS = "CLIPPER_RENDER_THREADS"
MOST_RENDER_THREADS = 2

# Pictures of the map. Two draw for ten visitors who zoom at once: the compiled loops release Python's lock.
# More than there are cores would slow each other; and as no picture had to wait, none would be coarse.
RENDER_POOL = ThreadPoolExecutor(
    int(os.environ.get(RENDER_THREADS, MOST_RENDER_THREADS)), thread_name_prefix="render"
)
# Thumbnails on the map. Pillow decodes without the lock; a third thread would take time from drawing.
THUMBNAIL_POOL = ThreadPoolExecutor(2, thread_name_prefix="thumbnail")

# Images that a page fetches. Four, because they mostly wait for a disk or for the network.
IMAGE_POOL = ThreadPoolExecutor(4, thread_name_prefix="image")
# Originals that browsers cannot show. Each takes seconds and a child process of its own, so only two.
CONVERT_POOL = ThreadPoolExecutor(2, thread_name_prefix="convert")
# Exports that are sent while they are made. The slowest reader holds no thread, so two are enough.
EXPORT_POOL = ThreadPoolExecutor(2, thread_name_prefix="export")

# Searches. The model embeds one query at a time (`clipper/atlas/engine.py`); those that are embedded while
# others are compared with the images are then compared together, which needs a thread for each.
SEARCH_POOL = ThreadPoolExecutor(8, thread_name_prefix="search")
# The list of results after a change of filters or limits. A few milliseconds each: one thread.
RANK_POOL = ThreadPoolExecutor(1, thread_name_prefix="rank")
# The order of large selections. Ten million images take more than a second: nothing else waits for that.
ORDER_POOL = ThreadPoolExecutor(1, thread_name_prefix="order")
# The similarity that random texts reach, and lists of concepts. Apart, so that no search waits for them.
BASELINE_POOL = ThreadPoolExecutor(1, thread_name_prefix="baseline")
# Classes by a visitor's words. Apart, as the first ones may have to embed a vocabulary.
WORD_POOL = ThreadPoolExecutor(1, thread_name_prefix="words")
# Images laid out on axes. Apart, as a text is compared with all images, a million of which take a second.
AXES_POOL = ThreadPoolExecutor(1, thread_name_prefix="axes")
# Uploaded images, decoded in child processes. Two, so that one bad file does not hold up the next visitor's.
UPLOAD_POOL = ThreadPoolExecutor(2, thread_name_prefix="upload")

# Filters and their counts. Two, so that one visitor's first count does not hold up another's filter.
FILTER_POOL = ThreadPoolExecutor(2, thread_name_prefix="filter")
# Lassos and the selections of links. Milliseconds each: one thread.
SELECT_POOL = ThreadPoolExecutor(1, thread_name_prefix="select")
# Reads and changes of what people gave: tags, names of clusters, lists of words. One at a time: each kind is
# in one file.
TAG_POOL = ThreadPoolExecutor(1, thread_name_prefix="tags")
# New versions of the atlas, and figures about them. Two: while one loads, another page can follow.
VERSION_POOL = ThreadPoolExecutor(2, thread_name_prefix="version")


def interpreter_ends() -> bool:
    """Return whether the interpreter has begun to end; from then on no pool takes work."""
    try:
        RANK_POOL.submit(int)
    except RuntimeError:
        return True
    return False
