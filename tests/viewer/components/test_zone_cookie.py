"""The zone of a visitor's browser, which a cookie brings."""

from types import SimpleNamespace

from viewer.compat import Arrived
from viewer.components import zone_cookie
from viewer.session.state import ViewState


def test_the_browsers_zone_arrives_before_the_page_is_sent(state: ViewState, monkeypatch):
    heard = []

    class Doc:
        def on_event(self, _kind, handler):
            heard.append(handler)

    server = SimpleNamespace(curdoc=Doc(), cookies={"clipper-zone": "Asia/Tokyo"})
    monkeypatch.setattr(zone_cookie.pn, "state", server)
    assert zone_cookie.saved_zone() == "Asia/Tokyo"
    zone_cookie.follow_zone(state)
    heard[0](Arrived({"clipper-zone": "Europe/Berlin"}))
    assert state.zone == "Europe/Berlin"
    heard[0](Arrived({}))
    assert state.zone == "Europe/Berlin"
    heard[0](Arrived({"clipper-zone": "<script>"}))
    assert state.zone == "UTC"
