"""What the server says to a page: no message waits for the next one."""

import asyncio
from typing import Any

import panel.io.document as panel_document
import pytest
from bokeh.document import Document

from viewer.compat import send_every_message


class SlowSocket:
    """A browser's socket: the messages it has been given, and what is done when each is written."""

    def __init__(self) -> None:
        self.messages: list[Any] = []
        self.written: list[asyncio.Future[None]] = []


class Connection:
    """Between a document and a browser's socket, as Bokeh's is; it is its own protocol."""

    def __init__(self) -> None:
        self._socket = SlowSocket()
        self.protocol = self

    def create(self, _kind: str, events: object) -> object:
        return events


def write_slowly(connection: Connection, msg: object) -> list[Any]:
    socket = connection._socket
    socket.messages.append(msg)
    socket.written.append(asyncio.get_running_loop().create_future())
    return socket.written[-1:]


def test_a_message_that_comes_while_another_is_written_does_not_wait_for_a_third(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(panel_document, "_dispatch_msgs", panel_document._dispatch_msgs)  # for the others
    send_every_message()
    send_every_message()

    async def scenario() -> list[Any]:
        monkeypatch.setitem(panel_document.extra_socket_handlers, SlowSocket, write_slowly)
        connection, document = Connection(), Document()
        socket = connection._socket
        panel_document.schedule_write_events(document, [connection], ["first"])
        await asyncio.sleep(0)
        socket.written[0].set_result(None)  # the first is written just before the second comes
        panel_document.schedule_write_events(document, [connection], ["second"])
        for _ in range(100):
            await asyncio.sleep(0)
        return socket.messages

    assert asyncio.run(scenario()) == [["first"], ["second"]]
