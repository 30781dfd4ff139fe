"""All that depends on internals of Panel, Bokeh and HoloViews, where their documented interfaces fall short.

Each entry says why it is needed and which upstream issue concerns it, if we know one. An upgrade of these
libraries begins here. What does not belong here: subclasses and options that they document.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary, WeakSet

import bokeh.command.subcommands.serve as bokeh_serve
import bokeh.server.server as bokeh_server
import holoviews as hv
import panel as pn
import panel.command.serve as panel_serve
import panel.io.document as panel_document
import param
from bokeh.command.util import build_single_handler_application
from bokeh.document import Document
from bokeh.events import DocumentEvent, Event
from bokeh.plotting import figure
from bokeh.server.views import session_handler
from bokeh.server.views.multi_root_static_handler import MultiRootStaticHandler
from bokeh.server.views.static_handler import StaticHandler
from bokeh.util.token import get_session_id
from panel.custom import JSComponent
from panel.io.server import DocHandler, WSHandler, per_app_patterns, toplevel_patterns
from panel.io.state import set_curdoc
from panel.reactive import Syncable
from panel.theme.base import Design
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop
from tornado.web import RequestHandler

Page = TypeVar("Page")
Bind = Callable[[str | None, int], Any]
Elsewhere = Callable[[RequestHandler], Awaitable[bool]]


# How many events of a document's components wait for the event loop.
_put_off: WeakKeyDictionary[Document, int] = WeakKeyDictionary()


class LeanComponent(JSComponent):
    """A JSComponent with no style sheets but its own, whose script is at a URL that the page gives.

    Panel adds the sheets of its design and of its loading spinner to every component, to be parsed again. It
    also sends each component's script to every visitor, and the browser keeps none of it compiled. We know of
    no upstream issue.

    Panel puts an event off while a change of a property waits, and handles the next event at once if the
    change is through by then. Here each event waits for those before it. We know of no upstream issue.
    """

    design = param.Parameter(default=Design)

    __abstract = True

    _bundle_path = None  # else Panel looks for a file of that name

    def script_url(self) -> str:
        """Return the URL of a module whose default export has this component's `render`."""
        raise NotImplementedError

    def _server_event(self, doc: Document, event: Event) -> None:
        state = pn.state
        waits = not state._unblocked(doc) or doc in state._change_callbacks  # noqa: SLF001 - as Panel decides
        if not doc.session_context or not (waits or _put_off.get(doc)):
            super()._server_event(doc, event)
            return
        _put_off[doc] = _put_off.get(doc, 0) + 1
        with set_curdoc(doc):
            state.execute(partial(self._event_coroutine, doc, event), schedule=True)

    async def _event_coroutine(self, doc: Document, event: Event) -> None:
        try:
            await super()._event_coroutine(doc, event)
        finally:
            _put_off[doc] -= 1

    def _process_param_change(self, params: dict[str, Any]) -> dict[str, Any]:
        processed: dict[str, Any] = super()._process_param_change(params)
        if "stylesheets" in params:
            processed["stylesheets"] = params["stylesheets"]
        return processed

    def _get_properties(self, doc: Document | None) -> dict[str, Any]:
        return {**super()._get_properties(doc), "bundle": "url", "esm": self.script_url()}


def needed_tags(tags: str) -> list[str]:
    """Return the tags of a page's scripts or style sheets without those it has no use for.

    Tabulator, its style sheet and Bokeh's WebGL are a megabyte that the page never uses; Panel loads them on
    every page (https://github.com/holoviz/panel/issues/2284, and a way to load them on demand:
    https://github.com/holoviz/panel/pull/8745). Bokeh's tables stay: Panel's script needs them. The
    shim for ES modules would read every script again and give the browser a new copy on each visit, so that
    it keeps no compiled code; `page.html` replaces it.
    """
    unneeded = ("es-module-shims", "esms-options", "tabulator", "bokeh-gl")
    return [tag for tag in tags.splitlines() if not any(name in tag for name in unneeded)]


def release_page(page: Page) -> Page:
    """Stop Panel's global state from holding a page, and return the page.

    A page template watches `pn.state.busy`. That watcher lives as long as the process, so it would keep every
    page that was ever made, about 1.4 MB for each visitor. We know of no upstream issue about this watcher.
    """
    watchers = pn.state.param.watchers.get("busy", {}).get("value", [])
    for watcher in [*watchers]:
        link = getattr(watcher.fn, "__self__", None)
        if getattr(link, "self", None) is page:
            pn.state.param.unwatch(watcher)
    return page


def inner_size(fig: figure) -> tuple[float, float] | None:
    """Return a figure's inner width and height in pixels; None before the browser has laid it out.

    Until then, reading the properties raises an error. Upstream: https://github.com/bokeh/bokeh/issues/9136.
    """
    values = fig._property_values  # noqa: SLF001
    width, height = values.get("inner_width"), values.get("inner_height")
    known = all(isinstance(size, (int, float)) and size > 0 for size in (width, height))
    return (width, height) if known else None


def render_figure(element: hv.Element) -> figure:
    """Build a Bokeh figure by HoloViews, in a document of its own that is dropped at once.

    Only the mode "server" takes a document; else HoloViews uses the current one. It sets that document's
    theme and registers a hook on its session's end. The hook fails in the session without a context that
    `panel serve --warm` makes. We know of no upstream issue; Panel had a similar one:
    https://github.com/holoviz/panel/pull/4745.
    """
    plot = hv.renderer("bokeh").instance(mode="server").get_plot(element, doc=Document())
    plot.document = None
    return plot.state


def event_loop_caller() -> Callable[[Callable[[], None]], None]:
    """Return a function by which any thread has something called in the event loop that runs here now.

    Without a loop, as in a test, the function calls at once. A thread must not schedule a document's callback
    itself: `add_next_tick_callback` makes its document the current one for a moment, and Bokeh keeps the
    current document of all threads in one stack. A page that is being built in the loop's thread would find
    the other page's document. We know of no upstream issue.
    """
    loop = IOLoop.current(instance=False)
    return (lambda call: call()) if loop is None else loop.add_callback


def wrap_bind_sockets(wrap: Callable[[Bind], Bind]) -> None:
    """Replace the function by which Bokeh's server opens its sockets, once, by a wrapper of it.

    `panel serve` has no hook that may change or refuse its address before it listens. We know of no upstream
    issue.
    """
    if not getattr(bokeh_server.bind_sockets, "is_wrapped", False):
        wrapped = wrap(bokeh_server.bind_sockets)
        wrapped.is_wrapped = True  # type: ignore[attr-defined]
        bokeh_server.bind_sockets = wrapped


class Arrived(DocumentEvent):
    """A browser is about to get a document; it has these cookies by now, some from the page's own scripts."""

    event_name = "clipper_arrived"

    def __init__(self, cookies: Mapping[str, str]) -> None:
        super().__init__()
        self.cookies = cookies


_sent: WeakSet[Document] = WeakSet()  # documents that a browser gets, or has


def is_on_its_way(document: Document) -> bool:
    """Whether a browser gets a document now, and has not said yet that the page has loaded.

    Panel drops what changes meanwhile: the page would never get it. We know of no upstream issue.
    """
    return document in _sent and not pn.state.loaded


def keep_early_changes(wait: Callable[[Callable[[], None]], None]) -> None:
    """Have what a visitor changes in a page that is on its way to the browser wait until it has loaded.

    What a change leads to elsewhere in the page would be dropped (`is_on_its_way`). What the page's address
    chose meanwhile stays. Call it once or more.

    Args:
        wait: calls a function once the current document's page has loaded.
    """
    change = Syncable._change_event  # noqa: SLF001
    if getattr(change, "waits", False):
        return

    def change_what_still_holds(self: Syncable, document: Document) -> None:
        for model, _ in self._models.values():
            shown = getattr(model, "data", model)  # of a component of ours, or of panel-material-ui
            for name, value in [*self._events.items()]:
                if hasattr(shown, name) and getattr(shown, name) != value:
                    del self._events[name]
        change(self, document)

    def change_when_loaded(self: Syncable, document: Document) -> None:
        if is_on_its_way(document):
            wait(partial(change_what_still_holds, self, document))
        else:
            change(self, document)

    change_when_loaded.waits = True  # type: ignore[attr-defined]
    Syncable._change_event = change_when_loaded  # noqa: SLF001


class PromptSocket(WSHandler):
    """A websocket whose messages leave at once, and which tells its document of the browser's cookies.

    Bokeh writes a message in parts. TCP would keep the second part back until the browser has acknowledged
    the first, which it may do 40 ms later (RFC 1122, section 4.2.3.4). We know of no upstream issue.

    A document is made with the cookies of the request for the page, before any script of it has run. Bokeh
    has no event between that and the document's way to the browser. We know of no upstream issue.
    """

    async def _async_open(self, token: str) -> None:
        known = (
            session for session in self.application_context.sessions if session.id == get_session_id(token)
        )
        session = next(known, None)
        if session is not None:
            event = Arrived({name: morsel.value for name, morsel in self.request.cookies.items()})
            _sent.add(session.document)
            await session.with_document_locked(session.document.callbacks.trigger_event, event)
        await super()._async_open(token)

    def open(self, *args: Any, **options: Any) -> Any:
        """Begin to exchange messages."""
        self.set_nodelay(True)
        return super().open(*args, **options)


def send_messages_at_once() -> None:
    """Make the server that starts next open its websockets as `PromptSocket`."""
    per_app_patterns[:] = [
        (route, PromptSocket if handler is WSHandler else handler) for route, handler in per_app_patterns
    ]


def send_every_message() -> None:
    """Stop Panel from keeping a message back until there is another one.

    While Panel writes the messages of a document, it collects new ones and plans to write them. When the
    writing ends it takes the mark of that plan away, and the plan does nothing without its mark. The new
    messages stay until the next change of a component, which may never come. We know of no upstream issue.
    """
    write = panel_document._dispatch_msgs  # noqa: SLF001
    if getattr(write, "writes_all", False):
        return

    async def write_all(document: Document) -> None:
        await write(document)
        left = panel_document._WRITE_MSGS.get(document)  # noqa: SLF001
        if left and document not in panel_document._WRITE_BLOCK:  # noqa: SLF001
            panel_document._WRITE_BLOCK[document] = True  # noqa: SLF001
            panel_document._dispatch_write_task(document, write_all, document)  # noqa: SLF001

    write_all.writes_all = True  # type: ignore[attr-defined]
    panel_document._dispatch_msgs = write_all  # noqa: SLF001


class FramedSocket(PromptSocket):
    """A websocket for pages of the same host only, whatever the host is called.

    Behind a proxy a server does not know its own name, and Bokeh compares origins with fixed names only. We
    know of no upstream issue.
    """

    def check_origin(self, origin: str) -> bool:
        """Whether the page comes from the host that it asks."""
        headers = self.request.headers
        hosts = {headers.get(name, "").lower() for name in ("Host", "X-Forwarded-Host")} - {""}
        return urlsplit(origin).netloc.lower() in hosts


def embed_in_frames(ancestors: str) -> None:
    """Let only some pages show the page in a frame, and let its address, a secret, leave by no link.

    Call it before `send_messages_at_once`. `panel serve` has no setting for headers of the page. We know of
    no upstream issue.

    Args:
        ancestors: the pages, as `frame-ancestors` of a content security policy names them.
    """

    class FramedPage(DocHandler):
        def set_default_headers(self) -> None:
            super().set_default_headers()
            self.set_header("Content-Security-Policy", f"frame-ancestors {ancestors}")
            self.set_header("Referrer-Policy", "no-referrer")

    framed = {DocHandler: FramedPage, WSHandler: FramedSocket}
    per_app_patterns[:] = [(route, framed.get(handler, handler)) for route, handler in per_app_patterns]


def send_static_files_by(get: Callable[..., Any]) -> None:
    """Have the server's static files, Bokeh's and those of extensions, sent by `get(handler, path)`.

    `panel serve` has no setting that compresses them. We know of no upstream issue.
    """
    for handler in (StaticHandler, MultiRootStaticHandler):
        handler.get = get


def let_others_answer(*, pages: Elsewhere, websockets: Elsewhere) -> None:
    """Ask before a page is made or a websocket is opened whether another process has taken the request.

    Bokeh's own `--num-procs` lets any process open a websocket, and one that has not made the page makes it
    anew, with other ids of models than those that the browser has. We know of no upstream issue.
    """
    for at, (route, handler, *rest) in enumerate(per_app_patterns):
        asks = pages if issubclass(handler, DocHandler) else websockets
        if issubclass(handler, (DocHandler, WSHandler)) and not hasattr(handler, "asks"):
            per_app_patterns[at] = (route, _asking(handler, asks), *rest)


def _asking(handler: type[Any], elsewhere: Elsewhere) -> type[Any]:
    class Asking(handler):
        asks = True

        async def prepare(self) -> None:
            if not await elsewhere(self):
                await super().prepare()

    return Asking


def make_session_ids_by(make: Callable[[Callable[[], str]], str]) -> None:
    """Make the ids of new sessions by `make(generate)`, once. Bokeh has no setting for it."""
    generate = session_handler.generate_session_id
    if not hasattr(generate, "makes"):

        def generate_session_id(**options: Any) -> str:
            return make(lambda: str(generate(**options)))

        generate_session_id.makes = True  # type: ignore[attr-defined]
        session_handler.generate_session_id = generate_session_id


def call_with_http_server(call: Callable[[HTTPServer], None]) -> None:
    """Call `call` with Tornado's server when Bokeh's begins to listen. Bokeh has no hook that tells it."""

    class Telling(HTTPServer):
        def add_sockets(self, sockets: Any) -> None:
            super().add_sockets(sockets)
            if sockets:  # `start` calls it with none
                call(self)

    bokeh_server.HTTPServer = Telling


def serve_one_app_at(names: Iterable[str], patterns: Sequence[tuple[Any, ...]]) -> None:
    """Have `panel serve FOLDER` show the app of the folder at each of some paths, and routes beside them.

    Its own index page gives way to the routes. `panel serve` takes its paths from names of folders, so that
    one folder cannot be shown twice. We know of no upstream issue.
    """

    def build(paths: list[str], _arguments: object = None) -> dict[str, Any]:
        return {f"/{name}": build_single_handler_application(paths[0]) for name in names}

    bokeh_serve.build_single_handler_applications = build
    panel_serve.build_single_handler_applications = build
    toplevel_patterns[:] = [*patterns, *(pattern for pattern in toplevel_patterns if pattern[0] != "/?")]
