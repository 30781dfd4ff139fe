import re
from pathlib import Path

from clipper.settings import Settings

README = (Path(__file__).parents[1] / "README.md").read_text()


def test_the_table_lists_every_setting_with_its_default():
    for name, field in Settings.model_fields.items():
        if name != "home":
            shown = str(field.default).lower() if isinstance(field.default, bool) else field.default
            default = f"`{shown}`" if shown != "" else ""
            assert f"| `{name}` | {default} |" in README


def test_every_command_shown_exists():
    makefile = (Path(__file__).parents[1] / "Makefile").read_text()
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", README, re.MULTILINE))
    assert {"demo", "test", "check", "test-slow", "reliability", "bench", "bench-viewer"} <= named
    for target in named:
        assert f"\n{target}:" in makefile, target
