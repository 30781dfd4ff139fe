"""A visitor without a browser: opens the page, speaks Bokeh's protocol over the websocket, counts the time.

Twenty of them cost less than one Chromium, so what is measured is the server.
"""

import asyncio
import contextlib
import itertools
import json
import re
import time
from collections.abc import Callable, Iterator
from typing import Any, Self

from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

LARGEST_MESSAGE = 256 << 20  # bytes
PATIENCE = 240.0  # seconds: the first picture may have to compile what draws it
CALM = 0.3  # seconds without a message after which a page has all that it shows
WIDTH, HEIGHT = 1220, 830  # of the map, in pixels


class RefusedError(RuntimeError):
    """The server answered a message with an error, or closed the connection."""


class Visitor:
    """One open page. `ready` are the models of its document, by id, as the server sent them."""

    def __init__(self, socket: WebSocketClientConnection) -> None:
        self._socket = socket
        if socket.protocol is not None:
            socket.protocol.set_nodelay(True)  # as browsers do; else parts of a message wait for each other
        self._numbers = itertools.count(1)
        self._waiting: list[tuple[Callable[[dict[str, Any]], bool], asyncio.Future[float]]] = []
        loop = asyncio.get_running_loop()
        self._greeted: asyncio.Future[None] = loop.create_future()
        self._pulled: asyncio.Future[dict[str, Any]] = loop.create_future()
        self.errors: list[str] = []
        self.names: list[dict[str, Any]] = []  # over the map, as the page shows them
        self._heard = asyncio.Event()
        self.models: dict[str, dict[str, Any]] = {}
        self._listening = asyncio.create_task(self._listen())

    @classmethod
    async def come(cls, address: str, *, query: str = "", cookie: str = "", loaded: bool = True) -> Self:
        """Load the page at `address`/viewer, with a cookie of earlier visits, and open its session.

        `query` is that of the address, with its question mark. A page has all its parts before the server
        knows that it is `loaded`.
        """
        token = await page(address, query=query, cookie=cookie)
        visitor = cls(
            await websocket_connect(
                HTTPRequest(f"{address.replace('http', 'ws', 1)}/viewer/ws", request_timeout=PATIENCE),
                subprotocols=["bokeh", token], max_message_size=LARGEST_MESSAGE,
            )
        )  # fmt: skip
        await asyncio.wait_for(visitor._greeted, PATIENCE)
        await visitor._send("PULL-DOC-REQ", {})
        value = await asyncio.wait_for(visitor._pulled, PATIENCE)
        visitor.models = {model["id"]: model for model in _models(value)}
        if loaded:
            await visitor.load()
        return visitor

    async def load(self) -> None:
        """Tell the server that the page has loaded."""
        await self._event("document_ready", [])

    async def leave(self) -> None:
        """Close the page."""
        self._listening.cancel()
        self._socket.close()
        await asyncio.sleep(0)

    # -- what is on the page

    def find(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The first model that is `wanted`."""
        return next(model for model in self.models.values() if wanted(model))

    def part(self, name: str) -> dict[str, Any] | None:
        """The model of a component of ours, by the name of its class; None when the page has none."""
        parts = (m for m in self.models.values() if m.get("attributes", {}).get("class_name") == name)
        return next(parts, None)

    @property
    def figure(self) -> dict[str, Any]:
        """The map."""
        return self.find(lambda model: model.get("name") == "Figure")

    def source(self, column: str) -> str:
        """The id of the source that has a column."""
        return str(self.find(lambda m: column in _columns(m.get("attributes", {}).get("data")))["id"])

    # -- what a person does, each in seconds until the answer is here

    async def size(self, width: int = WIDTH, height: int = HEIGHT) -> None:
        """Lay the page out, as a browser does."""
        figure = self.figure["id"]
        await self.change((figure, "inner_width", width), (figure, "inner_height", height))

    async def look(self, x0: float, x1: float, y0: float, y1: float) -> float:
        """Show a part of the map; until its picture is here, pixels and all."""
        ranges = [self.figure["attributes"][name]["id"] for name in ("x_range", "y_range")]
        image = self.source("jpeg")
        return await self._timed(
            lambda: self.change(
                (ranges[0], "start", x0), (ranges[0], "end", x1),
                (ranges[1], "start", y0), (ranges[1], "end", y1),
            ),
            lambda event: _id(event) == image and _columns(_new(event)).get("x") == [x0],
        )  # fmt: skip

    async def rest(self) -> None:
        """Wait until no message has come for a while: the names on the map come after its picture."""
        with contextlib.suppress(TimeoutError):
            while True:
                self._heard.clear()
                await asyncio.wait_for(self._heard.wait(), CALM)

    async def named(self) -> None:
        """Wait until names have come over the map."""
        async with asyncio.timeout(PATIENCE):
            while not self.names:
                self._heard.clear()
                await self._heard.wait()

    async def next_picture(self, act: Callable[[], Any]) -> float:
        """Do something that has the map drawn anew; until that picture is here."""
        image = self.source("jpeg")
        return await self._timed(act, lambda event: _id(event) == image and "jpeg" in _columns(_new(event)))

    async def point(self, x: float, y: float) -> float:
        """Point at a place of the map, from outside it; until the card of what is there is here."""
        pointer = self.source("inside")

        def at(inside: int) -> dict[str, Any]:
            return {"type": "map", "entries": [["x", [x]], ["y", [y]], ["inside", [inside]]]}

        await self.change((pointer, "data", at(0)))  # the card of the same image would not come twice
        return await self._timed(
            lambda: self.change((pointer, "data", at(1))),
            lambda event: event.get("attr") == "item" and bool(_columns(_new(event)).get("label")),
        )

    async def ask(self, text: str) -> float:
        """Search; until the results are here.

        Raises:
            RefusedError: the page says why there are none.
        """

        def answered(event: dict[str, Any]) -> bool:
            if event.get("attr") == "message" and _new(event):
                raise RefusedError(_new(event))
            items = _new(event) if event.get("attr") == "items" else None
            return bool(items) and "similarity" in _columns(items[0])

        return await self._timed(lambda: self.tell("Gallery", {"kind": "ask", "text": text}), answered)

    async def told_by(self, part: str, attribute: str, act: Callable[[], Any]) -> float:
        """Do something; until a component of ours has another value of an attribute."""
        model = self.part(part)
        if model is None:
            raise LookupError(f"the page has no {part}")
        data = model["attributes"]["data"]["id"]
        return await self._timed(act, lambda event: _id(event) == data and event.get("attr") == attribute)

    async def change(self, *changes: tuple[str, str, Any]) -> None:
        """Set attributes of models: (id, name, value), in one message."""
        await self._patch(
            {"kind": "ModelChanged", "model": {"id": model}, "attr": name, "new": value}
            for model, name, value in changes
        )

    async def tell(self, part: str, message: dict[str, Any]) -> None:
        """Send what a component of ours sends when it is used."""
        model = self.part(part)
        if model is None:
            raise LookupError(f"the page has no {part}")
        entries = [
            ["model", {"id": model["id"]}],
            ["data", {"type": "map", "entries": list(message.items())}],
        ]
        await self._event("data_event", entries)

    async def choose(self, label: str, option: str) -> None:
        """Choose an option, by its title, of the select with a label."""
        await self.change((self.select(label)["id"], "value", option))

    def select(self, label: str) -> dict[str, Any]:
        """What holds the options and the value of the select with a label."""
        data = (model.get("attributes", {}).get("data") for model in self.models.values())
        parts = (part for part in data if isinstance(part, dict))
        return next(part for part in parts if part.get("attributes", {}).get("label") == label)

    # -- the protocol

    async def _event(self, name: str, entries: list[Any]) -> None:
        event = {"type": "event", "name": name, "values": {"type": "map", "entries": entries}}
        await self._patch([{"kind": "MessageSent", "msg_type": "bokeh_event", "msg_data": event}])

    async def _timed(self, act: Callable[[], Any], answer: Callable[[dict[str, Any]], bool]) -> float:
        arrived: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._waiting.append((answer, arrived))
        started = time.perf_counter()
        await act()
        return await asyncio.wait_for(arrived, PATIENCE) - started

    async def _patch(self, events: Any) -> None:
        await self._send("PATCH-DOC", {"events": list(events)})

    async def _send(self, kind: str, content: dict[str, Any]) -> None:
        header = {"msgid": str(next(self._numbers)), "msgtype": kind}
        for part in (header, {}, content):
            await self._socket.write_message(json.dumps(part))

    async def _listen(self) -> None:
        while (header := await self._socket.read_message()) is not None:
            value = json.loads(header)
            await self._socket.read_message()
            content = json.loads(await self._socket.read_message() or "null")
            for _ in range(value.get("num_buffers", 0)):
                await self._socket.read_message()
                await self._socket.read_message()
            self._take(value["msgtype"], content)
        self._fail("the server closed the connection")

    def _take(self, kind: str, content: dict[str, Any]) -> None:
        if kind == "ACK":
            self._greeted.set_result(None)
        elif kind == "PULL-DOC-REPLY":
            self._pulled.set_result(content["doc"])
        elif kind == "ERROR":
            self._fail(str(content.get("text")))
        elif kind == "PATCH-DOC":
            now = time.perf_counter()
            self._heard.set()
            for event in content["events"]:
                if (changed := self.models.get((event.get("model") or {}).get("id"))) and "attr" in event:
                    changed["attributes"][event["attr"]] = event.get("new")
                if event.get("attr") == "names":
                    self.names = json.loads(event["new"])
                for answer, arrived in self._waiting:
                    if not arrived.done():
                        _settle(arrived, answer, event, now)
            self._waiting = [pair for pair in self._waiting if not pair[1].done()]

    def _fail(self, why: str) -> None:
        self.errors.append(why)
        for waiting in (self._greeted, self._pulled, *(arrived for _, arrived in self._waiting)):
            if not waiting.done():
                waiting.set_exception(RefusedError(why))


def _settle(
    arrived: "asyncio.Future[float]",
    answer: Callable[[dict[str, Any]], bool],
    event: dict[str, Any],
    now: float,
) -> None:
    try:
        if answer(event):
            arrived.set_result(now)
    except RefusedError as error:
        arrived.set_exception(error)


async def page(address: str, *, query: str = "", cookie: str = "") -> str:
    """Load the page alone, as whoever never opens its session does; the session's token."""
    answer = await AsyncHTTPClient(force_instance=True).fetch(
        HTTPRequest(f"{address}/viewer{query}", headers={"Cookie": cookie}, request_timeout=PATIENCE)
    )
    found = re.search(r'"token":\s*"([^"]+)"', answer.body.decode())
    if found is None:
        raise RefusedError("the page has no session")
    return found[1]


def _models(value: Any) -> Iterator[dict[str, Any]]:
    """Every model in a document's JSON, however deep."""
    if isinstance(value, dict):
        if "id" in value and "attributes" in value:
            yield value
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from _models(inner)


def _columns(value: Any) -> dict[str, Any]:
    """A mapping as Bokeh writes it."""
    entries = value.get("entries", []) if isinstance(value, dict) else []
    return {pair[0]: pair[1] for pair in entries if isinstance(pair[0], str)}


def _id(event: dict[str, Any]) -> Any:
    return (event.get("model") or {}).get("id")


def _new(event: dict[str, Any]) -> Any:
    """What an attribute, or a source's data, has become."""
    return event.get("new", event.get("data"))
