"""A page looked at in headless Chromium: what a person would see go wrong."""

import io
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

PHONE, DESK = (390, 844), (1280, 900)
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
FEWEST_COLOURS, LEAST_SPREAD = 8, 8.0
NAMELESS = "without a name"

SEEN = """() => {
  const paper = document.documentElement, wide = paper.clientWidth;
  const box = one => one.getBoundingClientRect();
  const style = getComputedStyle(document.body);
  return {
    colours: [style.color, style.backgroundColor],
    headings: [...document.querySelectorAll('h1, h2')].map(one => one.innerText),
    tooWide: paper.scrollWidth - wide,
    cutOff: [...document.querySelectorAll('h1, h2, p, img, table')]
      .filter(one => !one.closest('.scroll') && box(one).right > wide + 1)
      .map(one => one.outerHTML.slice(0, 60)),
    images: [...document.images].map(one => ({
      name: one.alt,
      there: one.complete && one.naturalWidth > 0 && one.getClientRects().length > 0,
      box: [box(one).left, box(one).top + scrollY, box(one).right, box(one).bottom + scrollY],
    })),
  };
}"""


@dataclass
class Sight:
    """Attributes:
    faults: a line each; empty for a page as it should be.
    headings: texts of h1 and h2.
    images: how many pictures there are.
    colours: of text and paper, as the browser computed them.
    """

    faults: list[str] = field(default_factory=list)
    headings: list[str] = field(default_factory=list)
    images: int = 0
    colours: list[str] = field(default_factory=list)


def program() -> str | None:
    """Where Chromium is, None where it is not installed."""
    return next((found for name in PROGRAMS if (found := shutil.which(name))), None)


@contextmanager
def browser(executable: str) -> Iterator[Any]:
    """A headless Chromium; as root it runs without a sandbox, which is fine for pages of our own."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        try:
            yield chromium
        finally:
            chromium.close()


def look(chromium: Any, path: Path, size: tuple[int, int], dark: bool = False) -> Sight:
    """Open a file and say what is wrong with it."""
    sight = Sight()
    context = chromium.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme="dark" if dark else "light"
    )
    page = context.new_page()
    address = path.resolve().as_uri()
    told = sight.faults.append
    page.on("console", lambda one: one.type in ("error", "warning") and told(f"console: {one.text}"))
    page.on("pageerror", lambda error: told(f"script: {error}"))
    page.on("requestfailed", lambda one: told(f"failed: {one.url[:80]}"))
    page.on("request", lambda one: _is_foreign(one.url, address) and told(f"request: {one.url[:80]}"))
    page.goto(address, wait_until="load")
    seen = page.evaluate(SEEN)
    sight.headings, sight.colours, sight.images = seen["headings"], seen["colours"], len(seen["images"])
    with Image.open(io.BytesIO(page.screenshot(full_page=True))) as shot:
        for picture in seen["images"]:
            name = picture["name"] or NAMELESS
            if name == NAMELESS:
                told(f"picture {NAMELESS}")
            if not picture["there"]:
                told(f"picture not there: {name}")
            elif is_empty(shot.crop([round(edge) for edge in picture["box"]])):
                told(f"picture empty: {name}")
    if seen["tooWide"] > 0:
        told(f"page wider than {size[0]}")
    sight.faults += [f"cut off at {size[0]}: {one}" for one in seen["cutOff"]]
    context.close()
    return sight


def is_empty(image: Image.Image) -> bool:
    """Whether a picture shows next to nothing: a few colours, or hardly any spread of them."""
    pixels = np.asarray(image.convert("RGB"))
    colours = len(np.unique(pixels.reshape(-1, 3), axis=0))
    return colours < FEWEST_COLOURS or float(pixels.std()) < LEAST_SPREAD


def _is_foreign(url: str, address: str) -> bool:
    return url != address and not url.startswith("data:")
