"""Chromium without a window, as a person would use it: for tests of pages that we write."""

from __future__ import annotations

import base64
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

PHONE = (390, 844)
DESK = (1400, 900)
AXE = Path(__file__).resolve().parents[2] / "var" / "axe-core" / "axe.min.js"


def programs() -> tuple[str, str] | None:
    """Chromium and its driver, where both are installed."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next(filter(None, map(shutil.which, names)), None)
    driver = shutil.which("chromedriver")
    return (found, driver) if found and driver else None


class Browser:
    """One window. What it complains of, and asks the network for, can be read afterwards."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self._driver = driver

    def open(self, page: Path, size: tuple[int, int] = DESK, scheme: str = "light") -> Self:
        """Show a page afresh; scheme: light or dark. What was said of another page is forgotten."""
        self.complaints()
        self.media(scheme=scheme)
        self.resize(size)
        self._driver.get(page.as_uri())
        return self

    def resize(self, size: tuple[int, int]) -> None:
        """The window's width and height in pixels; narrow ones are a phone's."""
        width, height = size
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self._driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def media(self, kind: str = "", scheme: str = "light") -> None:
        """Show the page as on a screen or, with `print`, on paper; nothing moves."""
        wishes = {"prefers-color-scheme": scheme, "prefers-reduced-motion": "reduce"}
        features = [{"name": name, "value": value} for name, value in wishes.items()]
        self._driver.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"media": kind, "features": features}
        )

    def all(self, selector: str) -> list[WebElement]:
        """The elements that a CSS selector finds."""
        return self._driver.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector: str) -> WebElement:
        """The only element that a CSS selector finds."""
        (found,) = self.all(selector)
        return found

    def texts(self, selector: str) -> list[str]:
        """What can be read in each element."""
        return [element.text for element in self.all(selector)]

    def press(self, *keys: str) -> None:
        """Press keys one after the other, wherever the focus is."""
        for key in keys:
            webdriver.ActionChains(self._driver).send_keys(key).perform()

    def focused(self) -> WebElement:
        """Where the keyboard is."""
        return self._driver.switch_to.active_element

    def run(self, script: str, *arguments: Any) -> Any:
        """The answer of a script, which the page's policy does not bind."""
        return self._driver.execute_script(script, *arguments)

    def wait_for(self, script: str, *arguments: Any) -> Any:
        """What a script that takes its time hands to its last argument."""
        return self._driver.execute_async_script(script, *arguments)

    def barriers(self) -> list[tuple[str, str, list[str]]]:
        """What axe-core finds of moderate impact or more: impact, rule, elements."""
        self.run(AXE.read_text(encoding="utf-8"))
        found = self.wait_for(
            "const done = arguments[arguments.length - 1];"
            "axe.run().then((answer) => done(answer.violations))"
        )
        told = [(v["impact"], v["id"], [n["html"] for n in v["nodes"]]) for v in found]
        return [one for one in told if one[0] in ("moderate", "serious", "critical")]

    def goto(self, address: str) -> None:
        """Show what is at an address, such as of the MLflow UI."""
        self._driver.get(address)

    @contextmanager
    def inside(self, frame: WebElement) -> Iterator[None]:
        """Look into a frame of the page."""
        self._driver.switch_to.frame(frame)
        try:
            yield
        finally:
            self._driver.switch_to.default_content()

    def pdf(self) -> bytes:
        """What a printer would get."""
        answer = self._driver.execute_cdp_cmd("Page.printToPDF", {})
        return base64.b64decode(answer["data"])

    def picture(self, path: Path) -> None:
        """Save what can be seen as PNG."""
        self._driver.save_screenshot(str(path))

    def complaints(self) -> list[str]:
        """What the console said since it was last asked."""
        return [entry["message"] for entry in self._driver.get_log("browser")]

    def asked_for(self) -> set[str]:
        """The addresses asked for since the last time, but files and data within the page."""
        messages = (json.loads(e["message"]) for e in self._driver.get_log("performance"))
        addresses = {
            message["message"]["params"]["request"]["url"]
            for message in messages
            if message["message"]["method"] == "Network.requestWillBeSent"
        }
        return {a for a in addresses if not a.startswith("data:")}


@contextmanager
def chromium(found: tuple[str, str]) -> Iterator[Browser]:
    """Run Chromium for as long as the block takes."""
    program, driver = found
    options = webdriver.ChromeOptions()
    options.binary_location = program
    options.add_argument("--headless=new")
    options.add_argument("--disable-gpu")
    options.add_argument("--hide-scrollbars")
    if os.geteuid() == 0:
        options.add_argument("--no-sandbox")  # which Chromium demands of root
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    # The driver's place is given, so Selenium looks for none, least of all on the network.
    running = webdriver.Chrome(options=options, service=Service(driver))
    try:
        yield Browser(running)
    finally:
        running.quit()


__all__ = ["AXE", "DESK", "PHONE", "Browser", "Keys", "chromium", "programs"]
