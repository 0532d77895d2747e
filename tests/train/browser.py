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

IMAGES = """() => [...document.images].map(image => ({
    name: image.alt, loaded: image.complete && image.naturalWidth > 0, shown: image.getClientRects().length > 0,
    source: image.currentSrc.slice(0, 10)}))"""
TOO_WIDE = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
"""Pixels by which the page, not a table that scrolls in itself, is wider than the screen."""
CUT_OFF = """() => [...document.querySelectorAll('h1, h2, p, img, table')].filter(one => {
    const box = one.getBoundingClientRect(), scrolls = one.closest('.scroll');
    return !scrolls && box.right > document.documentElement.clientWidth + 1; }).map(one => one.outerHTML.slice(0, 80))"""
CONTRAST = """() => { const style = getComputedStyle(document.body); return [style.color, style.backgroundColor]; }"""


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
    page.on("console", lambda one: one.type in ("error", "warning") and sight.faults.append(f"console: {one.text}"))
    page.on("pageerror", lambda error: sight.faults.append(f"script: {error}"))
    page.on("requestfailed", lambda one: sight.faults.append(f"failed: {one.url[:80]}"))
    page.on("request", lambda one: _is_foreign(one.url, address) and sight.faults.append(f"request: {one.url[:80]}"))
    page.goto(address, wait_until="load")
    sight.headings = page.locator("h1, h2").all_inner_texts()
    sight.colours = page.evaluate(CONTRAST)
    pictures = page.evaluate(IMAGES)
    sight.images = len(pictures)
    for picture, element in zip(pictures, page.locator("img").all()):
        name = picture["name"] or "without a name"
        if not picture["name"]:
            sight.faults.append("picture without a name")
        if not picture["loaded"] or not picture["shown"]:
            sight.faults.append(f"picture not there: {name}")
        elif is_empty(element.screenshot()):
            sight.faults.append(f"picture empty: {name}")
    if page.evaluate(TOO_WIDE) > 0:
        sight.faults.append(f"page wider than {size[0]}")
    sight.faults += [f"cut off at {size[0]}: {one}" for one in page.evaluate(CUT_OFF)]
    context.close()
    return sight


def is_empty(png: bytes) -> bool:
    """Whether a picture shows next to nothing: a few colours, or hardly any spread of grey."""
    with Image.open(io.BytesIO(png)) as image:
        pixels = np.asarray(image.convert("RGB"))
    colours = len(np.unique(pixels.reshape(-1, 3), axis=0))
    return colours < FEWEST_COLOURS or float(pixels.std()) < LEAST_SPREAD


def _is_foreign(url: str, address: str) -> bool:
    return url != address and not url.startswith("data:")
