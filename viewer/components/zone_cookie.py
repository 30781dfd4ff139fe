"""The visitor's time zone, in which the times of files are shown.

The script of `page.html` writes it to a cookie before the page's socket opens, which brings it. What does not
belong here: times on the clock of a zone (`dataset/columns/local_times.py`).
"""

import panel as pn

from viewer.compat import Arrived
from viewer.dataset.columns.local_times import UTC_ZONE, known_zone
from viewer.session.state import ViewState

COOKIE = "clipper-zone"


def saved_zone() -> str:
    """Return the zone that the visitor's cookie has; "UTC" without one, as on a first visit."""
    cookies = (pn.state.cookies or {}) if pn.state.curdoc is not None else {}
    return known_zone(str(cookies.get(COOKIE, UTC_ZONE)))


def follow_zone(state: ViewState) -> None:
    """Take the zone of the browser before the page is sent; it has written the cookie by now."""

    def arrived(event: Arrived) -> None:
        if COOKIE in event.cookies:
            state.zone = known_zone(event.cookies[COOKIE])

    if pn.state.curdoc is not None:
        pn.state.curdoc.on_event(Arrived, arrived)
