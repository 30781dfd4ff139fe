"""Scripts as one text: what each imports comes first, and what cannot be joined is an error that names it."""

import re
from collections.abc import Mapping

import param
import pytest

import viewer.app  # noqa: F401 - makes all components known
from viewer.components.base import HERE, Component, style_sheet
from viewer.components.linking import LinkError, link

DOM = "// Builds elements.\nexport function h() {}\nexport const ICONS = {}\n"


def linked(names: list[str], **sources: str) -> str:
    """The text of modules; `sources` has them by their names, with `__` for a slash and without ending."""
    modules = {f"{name.replace('__', '/')}.js": text for name, text in sources.items()}
    return link(names, modules.__getitem__)


def test_a_module_takes_names_out_of_those_that_it_imports() -> None:
    text = linked(
        ["map/fit.js"],
        dom=DOM,
        map__fit=(
            'import { h, ICONS as shapes } from "../dom.js"\n'
            "\n"
            "export async function run() {\n"
            "  h(shapes)\n"
            "}\n"
        ),
    )
    assert text == (
        "const modules = {}\n"
        'modules["dom.js"] = (() => {\n'
        "function h() {}\n"
        "const ICONS = {}\n"
        "return { h, ICONS }\n"
        "})()\n"
        'modules["map/fit.js"] = (() => {\n'
        'const { h, ICONS: shapes } = modules["dom.js"]\n'
        "\n"
        "async function run() {\n"
        "  h(shapes)\n"
        "}\n"
        "return { run }\n"
        "})()\n"
    )


def test_a_module_that_several_import_is_there_once_and_first() -> None:
    text = linked(
        ["a.js", "b.js", "c.js"],
        a='import { c } from "./c.js"\nexport const a = c\n',
        b='import { c } from "./c.js"\nimport { a } from "./a.js"\nexport const b = a + c\n',
        c="export const c = 1\n",
    )
    assert re.findall(r'^modules\["(\w)\.js"\]', text, re.MULTILINE) == ["c", "a", "b"]


def test_a_long_import_may_have_several_lines() -> None:
    text = linked(["a.js"], a='import {\n  h,\n  ICONS,\n} from "./dom.js"\nexport const a = h\n', dom=DOM)
    assert 'const {\n  h,\n  ICONS,\n} = modules["dom.js"]\n' in text


def test_only_comments_that_fill_whole_lines_are_left_out() -> None:
    text = linked(
        ["a.js"],
        a=(
            "// One line.\n"
            "/**\n * Several * lines.\n */\n"
            "export function a(b) {\n"
            "  // Within.\n"
            "  /** @type {string} */\n"
            "  let c = 1 // beside\n"
            "  /** @type {number} */ (c).d()\n"
            '  return "// no comment" /** beside */\n'
            "}\n"
        ),
    )
    assert text.splitlines()[2:-2] == [
        "function a(b) {",
        "  let c = 1 // beside",
        "  /** @type {number} */ (c).d()",
        '  return "// no comment" /** beside */',
        "}",
    ]


@pytest.mark.parametrize(
    "line",
    [
        'import dom from "./dom.js"',
        'import * as dom from "./dom.js"',
        'import "./dom.js"',
        'import { h } from "dom"',
        "export default function a() {}",
        'export * from "./dom.js"',
        "export { a }",
        "export class A {}",
        "export let a = 1",
    ],
)
def test_a_form_that_cannot_be_joined_is_refused_by_name(line: str) -> None:
    with pytest.raises(LinkError, match=re.escape(f"a.js: cannot link `{line}`")):
        linked(["a.js"], a=f"{line}\n", dom=DOM)


def test_a_circle_of_imports_is_refused_by_name() -> None:
    sources = {name: f'import {{ x }} from "./{other}.js"\n' for name, other in ("ab", "bc", "cb")}
    with pytest.raises(LinkError, match=r"a\.js imports b\.js imports c\.js imports b\.js"):
        linked(["a.js"], **sources)


def test_a_style_sheet_is_sent_without_comments_and_line_breaks() -> None:
    sheet = style_sheet("map/legend.css")
    assert '.only::after { content: "only"; }' in sheet
    assert not re.search(r"\n|/\*|  ", sheet)


SCRIPTS: Mapping[str, type[Component]] = {
    part.script: part for part in param.concrete_descendents(Component).values() if part.script
}


@pytest.mark.parametrize("script", sorted(SCRIPTS))
def test_a_script_reads_only_what_its_class_has(script: str) -> None:
    """The type checker sees to it that a script reads what it declares; nothing but this test knows both."""
    declared = properties(HERE.joinpath(script).read_text("utf-8"))
    assert declared <= {*SCRIPTS[script].param}


def properties(script: str) -> set[str]:
    """The names of a component's properties as its script declares them."""
    if "@param {Component<Record<never, never>>} component" in script:
        return set()
    assert "@param {Component<Properties>} component" in script
    listed = re.search(r"@typedef \{object\} Properties\n(.*?)\*/", script, re.DOTALL)
    return set(re.findall(r"@property \{.*?\}+ (\w+)", listed[1]))
