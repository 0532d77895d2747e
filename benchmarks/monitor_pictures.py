"""The pictures of the monitor in docs/images, anew, from a run in a headless Chromium.

    python benchmarks/monitor_pictures.py

Plays the recording in the package to the simulated hand; a page takes the switch, arms, and is photographed.
Look at them before they are kept: what is decided just then differs from run to run, and a machine that does
something else too misses deadlines.
"""

import io
import os
import tempfile
from pathlib import Path
from typing import Any

from monitor import PATIENCE_S, monitoring, running
from PIL import Image
from playwright.sync_api import sync_playwright

from neurograsp.edge_runtime.cli.demo import PRETRAINED, PRETRAINED_RECORDING

REPOSITORY = Path(__file__).resolve().parents[1]
IMAGES = REPOSITORY / "docs/images"
DESK, PHONE = {"width": 1440, "height": 1010}, {"width": 390, "height": 844}
COLOURS = 256
FILLED_S = 11.0
"""Until the traces go from edge to edge."""

REST_S = 1.5
"""The page arms what it has shown at rest for a second."""


def arm(page: Any, url: str) -> None:
    """Open it, take the switch, arm; comes back once a decision is shown beside full traces."""
    page.set_default_timeout(1000 * PATIENCE_S)
    page.goto(url)
    page.wait_for_selector('body[data-link="live"]')
    page.click("#take")
    page.wait_for_selector("#arm:visible")
    page.wait_for_timeout(1000 * REST_S)
    page.click("#arm")
    page.wait_for_selector('body[data-state="armed"]')
    page.wait_for_timeout(1000 * FILLED_S)
    page.locator("#action", has_text="▶").wait_for()


def keep(page: Any, name: str) -> None:
    path = IMAGES / f"monitor-{name}.png"
    with Image.open(io.BytesIO(page.screenshot())) as drawn:
        drawn.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path.relative_to(REPOSITORY)}: {path.stat().st_size / 1e3:.0f} kB")


def main() -> None:
    os.chdir(REPOSITORY)  # the page shows the recording's path
    recording = f"playback:{PRETRAINED_RECORDING.relative_to(REPOSITORY)}"
    options = ("--bundle", str(PRETRAINED.relative_to(REPOSITORY)), "--source", recording)
    with tempfile.TemporaryDirectory() as place, sync_playwright() as playwright:
        folder = Path(place)
        chromium = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        with running(folder, "--arm-by", "monitor", *options) as run, monitoring(folder) as url:
            desk = chromium.new_page(viewport=DESK, color_scheme="light")
            arm(desk, url)
            keep(desk, "desktop")
            desk.close()
            phone = chromium.new_page(viewport=PHONE, color_scheme="dark")
            arm(phone, url)
            keep(phone, "phone")
            run.terminate()
            phone.wait_for_selector('body[data-link="ended"]')
            phone.wait_for_timeout(1000)
            keep(phone, "lost")
        chromium.close()


if __name__ == "__main__":
    main()
