"""The page's look: colours of both themes, fonts, the settings of Material UI."""

from dataclasses import dataclass
from typing import Any

Rgb = tuple[int, int, int]


def rgb(text: str) -> Rgb:
    """Convert `#rrggbb` to three numbers."""
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


@dataclass(frozen=True)
class Tokens:
    """The colours of one theme."""

    canvas: str  # the map's ground
    paper: str  # header, panel, cards
    raised: str  # controls on paper
    border: str
    text: str
    muted: str
    accent: str
    accent_text: str  # on the accent
    ink: str  # strongest mark on the map: rings of results
    minus: str  # what is wanted less
    neutral: str  # points that have one of the rare values
    absent: str  # points that have no value


DARK = Tokens(
    canvas="#0d0f14",
    paper="#14171e",
    raised="#1c2029",
    border="#272c37",
    text="#e9ecf2",
    muted="#98a1b3",
    accent="#8b8dff",
    accent_text="#0d0f14",
    ink="#ffffff",
    minus="#ff8b8b",
    neutral="#5d6574",
    absent="#3d4453",
)
LIGHT = Tokens(
    canvas="#fafbfc",
    paper="#ffffff",
    raised="#f3f4f7",
    border="#e3e6ec",
    text="#171a22",
    muted="#5c6474",
    accent="#4f46e5",
    accent_text="#ffffff",
    ink="#11131a",
    minus="#c22f3b",
    neutral="#a8aebc",
    absent="#cfd5e2",
)
# A menu opens beside the card of its field: one chooses by the card's figures. Without room, it opens below.
_BESIDE = {
    "@media (min-width: 400px)": {"marginLeft": "192px", "marginTop": "-46px"},
    "@media (min-width: 761px)": {"marginLeft": "220px"},
}
# Without Roboto, which Material UI declares: for one sign that Inter lacks, browsers would fetch eight fonts.
FONT = '"Inter Variable", system-ui, -apple-system, "Segoe UI", "Helvetica Neue", Arial, sans-serif'


def tokens(*, dark: bool) -> Tokens:
    """Return the colours of the dark or the light theme."""
    return DARK if dark else LIGHT


def _palette(theme: Tokens) -> dict[str, Any]:
    return {
        "primary": {"main": theme.accent, "contrastText": theme.accent_text},
        "background": {"default": theme.canvas, "paper": theme.paper},
        "text": {"primary": theme.text, "secondary": theme.muted},
        "divider": theme.border,
    }


def theme_config() -> dict[str, Any]:
    """Return Material UI's theme for both modes: one accent, one font, sentence case, one corner radius."""
    shared = {
        "typography": {
            "fontFamily": FONT,
            "fontSize": 13,
            "button": {"textTransform": "none", "fontWeight": 500},
        },
        "shape": {"borderRadius": 8},
        "components": {
            # The page's title is its first heading; a blank line that Panel's page has is none.
            "MuiTypography": {"defaultProps": {"variantMapping": {"h3": "h1", "h5": "div"}}},
            "MuiPaper": {"styleOverrides": {"root": {"backgroundImage": "none"}}},
            "MuiMenu": {"styleOverrides": {"paper": _BESIDE}},
            "MuiMenuItem": {
                "defaultProps": {"role": "option"},  # the only list of these is that of a select
                "styleOverrides": {
                    "root": {
                        "minHeight": "30px",
                        "paddingTop": "0",
                        "paddingBottom": "0",
                        "& .MuiListItemText-root": {"margin": "4px 18px"},
                        "& .MuiListItemText-primary": {"fontSize": "13px"},
                        "&.Mui-selected .MuiListItemText-primary": {
                            "fontWeight": 650,
                            "color": "var(--mui-palette-primary-main, inherit)",
                        },
                    }
                },
            },
            "MuiListSubheader": {
                "defaultProps": {"component": "div", "role": "presentation"},
                "styleOverrides": {
                    "root": {
                        "fontSize": "11.5px",
                        "fontWeight": 600,
                        "lineHeight": "26px",
                        "paddingTop": "4px",
                    }
                },
            },
            "MuiTooltip": {"styleOverrides": {"tooltip": {"whiteSpace": "nowrap", "fontSize": "12px"}}},
        },
    }
    return {
        "light": {"palette": _palette(LIGHT), **shared},
        "dark": {"palette": _palette(DARK), **shared},
    }


def _variables(theme: Tokens) -> str:
    names = ("canvas", "paper", "raised", "border", "text", "muted", "accent", "accent_text", "ink", "minus")
    return "".join(f"--c-{name.replace('_', '-')}:{getattr(theme, name)};" for name in names)


def page_css() -> str:
    """Return the page's own style sheet, which components inherit also through shadow roots."""
    dark = f"{_variables(DARK)} --c-shadow: 0 8px 28px rgb(0 0 0 / 55%); color-scheme: dark;"
    light = f"{_variables(LIGHT)} --c-shadow: 0 8px 28px rgb(22 26 40 / 14%); color-scheme: light;"
    return (
        f".mui-dark {{{dark}}} .mui-light, .mui-system {{{light}}}"
        f"@media (prefers-color-scheme: dark) {{.mui-system {{{dark}}}}}"
    )


def page_sx() -> dict[str, Any]:
    """Return the style of the page's frame: a quiet header, its title readable in both themes."""
    return {
        "& .MuiAppBar-root": {
            "backgroundColor": "background.paper",
            "backgroundImage": "none",
            "color": "text.primary",
            "boxShadow": "none",
            "borderBottom": "1px solid",
            "borderColor": "divider",
        },
        "& .MuiToolbar-root": {
            "minHeight": "56px !important",
            "gap": "12px",
            "px": "16px !important",
            "@media (max-width: 400px)": {"gap": "8px", "px": "8px !important"},
        },
        "& .MuiLinearProgress-root": {"display": "none"},  # the page says itself what it waits for
        "& main .MuiToolbar-root": {"minHeight": "57px !important", "margin": "0 !important"},
        "& .title": {
            "color": "text.primary",
            "fontSize": "16px",
            "fontWeight": 650,
            "letterSpacing": "-0.01em",
            "whiteSpace": "nowrap",
            "overflow": "hidden",
            "textOverflow": "ellipsis",
            "maxWidth": "22vw",
            # A narrow header has room for the search and the buttons alone; a screen reader has the heading.
            "@media (max-width: 520px)": {"position": "absolute", "clipPath": "inset(50%)", "width": "1px"},
        },
        "& .MuiToolbar-root a": {"display": "inline-flex", "alignItems": "center", "minHeight": "24px"},
        "& .MuiButtonBase-root.Mui-focusVisible, & a:focus-visible": {
            "outline": "2px solid var(--c-accent)",
            "outlineOffset": "1px",
        },
        "& .logo": {"height": "26px !important", "width": "26px"},
        "& main": {"backgroundColor": "background.default"},
    }


FONT_FACES = """
@font-face {font-family: "Inter Variable"; font-weight: 100 900; font-display: swap;
  src: url("STATIC/inter-latin-ext-wght-normal.woff2") format("woff2");
  unicode-range: U+0100-02BA, U+1D00-1DBF, U+1E00-1E9F, U+1EF2-1EFF, U+20A0-20AB, U+2C60-2C7F, U+A720-A7FF;}
@font-face {font-family: "Inter Variable"; font-weight: 100 900; font-display: swap;
  src: url("STATIC/inter-latin-wght-normal.woff2") format("woff2");
  unicode-range: U+0000-00FF, U+0131, U+0152-0153, U+02BB-02BC, U+02C6, U+02DA, U+02DC, U+2000-206F,
  U+20AC, U+2122, U+2191, U+2193, U+2212, U+2215, U+FEFF, U+FFFD;}
body {margin: 0; overflow: hidden;}
"""
