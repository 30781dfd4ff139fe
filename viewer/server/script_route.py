"""The route that serves the components' script: /components-<stamp>.js below the app's own path."""

from viewer.components.base import module
from viewer.server.compressed import accepts_gzip, compressed, mark_compressed
from viewer.server.handlers import PublicHandler
from viewer.server.image_route import YEAR_SECONDS

ROUTE = r"/(components-[0-9a-f]{16}\.js)"


class ScriptHandler(PublicHandler):
    """Sends the script. It holds nothing of a dataset, so anybody may have it, like a style sheet."""

    def get(self, name: str) -> None:
        """Send the script; to a page of another Clipper too, which keeps nothing then."""
        this = module()
        lasting = this.address.endswith(f"/{name}")
        self.set_header("Content-Type", "text/javascript; charset=utf-8")
        self.set_header(
            "Cache-Control", f"public, max-age={YEAR_SECONDS}, immutable" if lasting else "no-store"
        )
        self.set_header("X-Content-Type-Options", "nosniff")
        if accepts_gzip(self):
            mark_compressed(self)
            self.write(compressed(this.text))
        else:
            self.write(this.text)
