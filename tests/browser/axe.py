"""axe-core looks at a page, shadow roots included."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
GRAVE = ("serious", "critical")

# Every rule, those of good practice too. What is behind an open dialog is hidden, and no rule speaks of it.
RUN = """async () => {
  const {violations} = await axe.run(document, {resultTypes: ["violations"]})
  return violations.map(({id, impact, help, nodes}) => ({
    id, impact, help,
    nodes: nodes.map(({target, html, failureSummary: summary}) => (
      {target: target.flat().join(" "), html, summary}
    )),
  }))
}"""


def violations(page: Any) -> list[Mapping[str, Any]]:
    """Everything that axe-core finds on a page."""
    if not SCRIPT.exists():
        pytest.fail("axe-core is missing: `make setup-dev` installs it into node_modules")
    if not page.evaluate("'axe' in window"):
        page.evaluate(SCRIPT.read_text(encoding="utf-8"))
    # A colour on its way to another is neither.
    page.evaluate("Promise.allSettled(document.getAnimations().map((each) => each.finished))")
    return page.evaluate(RUN)


def described(found: list[Mapping[str, Any]]) -> str:
    """What was found, for the message of a test that fails."""
    return "\n".join(
        f"{each['impact']}: {each['id']}: {each['help']}\n"
        + "\n".join(
            f"    {node['target']}\n      {node['html'][:160]}\n      {node['summary'][:400]}"
            for node in each["nodes"][:6]
        )
        for each in found
    )
