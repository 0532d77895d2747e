"""HTML: everything that comes from a bundle, a recording or a session passes through `escape`."""

import base64
from collections.abc import Sequence
from html import escape

STYLE = """
:root { color-scheme: light; --ink: #1a1a1a; --paper: #fff; --faint: #5b5b5b; --line: #d0d0d0;
  --warn: #fff3d6; }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 64rem; margin: 0 auto; padding: 1rem; overflow-wrap: break-word; }
h1 { line-height: 1.2; margin: .5rem 0; }
h2 { margin: 2.2rem 0 .5rem; border-bottom: 1px solid var(--line); }
.warn { background: var(--warn); padding: .6rem .8rem; border-radius: .4rem; }
.note { color: var(--faint); font-size: .92rem; }
.scroll { overflow-x: auto; margin: .5rem 0 1rem; }
table { border-collapse: collapse; }
td, th { padding: .25rem .7rem .25rem 0; border-bottom: 1px solid var(--line); text-align: right;
  vertical-align: top; font-variant-numeric: tabular-nums; }
td:first-child, th:first-child { text-align: left; }
.facts td { text-align: left; overflow-wrap: anywhere; }
.facts td:first-child { min-width: 6.5rem; color: var(--faint); overflow-wrap: normal; }
.plots { display: flex; flex-wrap: wrap; gap: 1rem; }
figure { margin: 0; flex: 1 1 20rem; max-width: 32rem; }
figure img { width: 100%; height: auto; display: block; background: #fff; border-radius: .4rem; }
figure.wide { max-width: none; }
figcaption { color: var(--faint); font-size: .92rem; margin-top: .3rem; }
@media (max-width: 40rem) { figure.wide .scroll img { width: 46rem; max-width: none; } }
"""


def page(title: str, body: Sequence[str]) -> str:
    """The whole document."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style></head>\n<body>\n"
        + "\n".join(body)
        + "\n</body></html>\n"
    )


def heading(text: str) -> str:
    return f"<h2>{escape(text)}</h2>"


def paragraph(text: str, kind: str = "") -> str:
    """A paragraph; `kind` is "", "note" or "warn"."""
    return f'<p class="{kind}">{escape(text)}</p>' if kind else f"<p>{escape(text)}</p>"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Text at the left, figures at the right."""
    top = "".join(f"<th>{escape(name)}</th>" for name in header)
    lines = ("".join(f"<td>{escape(cell)}</td>" for cell in row) for row in rows)
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f'<div class="scroll"><table><tr>{top}</tr>{body}</table></div>'


def facts(rows: Sequence[tuple[str, str]]) -> str:
    """Names and what they are."""
    body = "".join(f"<tr><td>{escape(name)}</td><td>{escape(value)}</td></tr>" for name, value in rows)
    return f'<table class="facts">{body}</table>'


def plots(*figures: str) -> str:
    """Side by side where there is room."""
    return f'<div class="plots">{"".join(figures)}</div>'


def figure(png: bytes, alt: str, caption: str = "", wide: bool = False) -> str:
    """A picture inside the page; a wide one scrolls sideways on a phone."""
    data = base64.b64encode(png).decode()
    image = f'<img alt="{escape(alt)}" src="data:image/png;base64,{data}">'
    note = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    if wide:
        return f'<figure class="wide"><div class="scroll">{image}</div>{note}</figure>'
    return f"<figure>{image}{note}</figure>"
