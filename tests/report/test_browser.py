"""What a browser makes of the page, by day and by night."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from reactal.report.data import ReportData
from reactal.report.html import write_report

BY_DAY = {"ground": "f4f5f7", "paper": "ffffff", "model": "0068a8", "truth": "cf5500", "good": "00795a"}
BY_NIGHT = {"ground": "101316", "paper": "191d21", "model": "62b5ee", "truth": "ff9350", "good": "45c79d"}
LEAST = {"ground": 100_000, "paper": 500_000, "model": 2_000, "truth": 1_000, "good": 300}  # pixels


def photograph(page: Path, folder: Path, *options: str) -> np.ndarray:
    """The page's pixels (height, width, 3)."""
    from matplotlib.image import imread

    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    shot = folder / "page.png"
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
    command += [f"--user-data-dir={folder / 'profile'}", "--window-size=1160,3900", "--hide-scrollbars", f"--screenshot={shot}"]
    subprocess.run([*command, *options, page.as_uri()], check=True, capture_output=True, timeout=120)
    return np.rint(imread(shot)[:, :, :3] * 255).astype(int)


@pytest.mark.browser
@pytest.mark.parametrize(("options", "palette"), [((), BY_DAY), (("--force-dark-mode",), BY_NIGHT)], ids=["day", "night"])
def test_page_and_figures_take_the_colours_of_the_day(campaign: ReportData, tmp_path: Path, options, palette) -> None:
    page, _ = write_report(campaign, tmp_path)
    pixels = photograph(page, tmp_path, *options)
    for name, colour in palette.items():
        wanted = [int(colour[i : i + 2], 16) for i in (0, 2, 4)]
        assert (np.abs(pixels - wanted).max(axis=2) <= 2).sum() > LEAST[name], name
    bottom = pixels[-60:].reshape(-1, 3)
    assert (bottom == bottom[0]).all()  # the photograph holds the whole page
