"""Run code as somebody whom permissions stop: as root, without root's right to pass over them."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping

import pytest

_DROPPED = "-dac_override,-dac_read_search"


def run_as_plain_user(
    code: str, *arguments: object, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run code in a process that reads and writes only what permissions allow; skip where there is none."""
    prefix: list[str] = []
    if not hasattr(os, "geteuid"):
        pytest.skip("permissions of Windows are others")
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("root needs setpriv to give up its rights")
        prefix = ["setpriv", f"--bounding-set={_DROPPED}", f"--inh-caps={_DROPPED}"]
    return subprocess.run(
        [*prefix, sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=1000,
        check=False,
        env=os.environ | dict(environment or {}),
    )
