"""The server of one home, or of several: `python -m viewer`, with the options of `panel serve`.

What does not belong here: several processes (`server/processes/supervisor.py`), and the pages.
"""

import os
import sys
from pathlib import Path

from viewer.server.processes.interrupts import end_quietly


def main() -> None:
    """Serve until a signal comes."""
    end_quietly()  # before the imports that take seconds
    if os.environ.get("CLIPPER_HOMES"):
        from viewer.server.several import main as serve

        serve(sys.argv[1:])
    else:
        from panel.command import main as panel

        sys.argv[:1] = ["panel", "serve", str(Path(__file__).parent)]
        panel()


if __name__ == "__main__":
    main()
