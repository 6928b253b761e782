"""Looks at pages in Chromium, in light, in dark and as wide as a phone: browser.py URL PICTURES

The pages are the status page at URL, what it finds for the beginning of an id that is typed into
its search box, the identity to which a match leads, and a list of identities. Writes
PICTURES-light.png, -light-search.png, -light-identity.png, -light-list.png, and so on for each of
LOOKS, and prints as JSON what is wrong with each: what the console says, what is wider than the
window or than its box, which texts overlap, and which stand out too little from their background.
"""

import base64
import json
import pathlib
import sys
import tempfile
import urllib.request

from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support import expected_conditions
from selenium.webdriver.support.ui import WebDriverWait

# Name, width in CSS pixels, colour scheme.
LOOKS = [
    ("light", 1280, "light"),
    ("dark", 1280, "dark"),
    ("tablet", 768, "light"),
    ("tablet-dark", 768, "dark"),
    ("phone", 390, "light"),
    ("phone-dark", 390, "dark"),
]

# WCAG 2.1's contrast of normal text, level AA.
CONTRAST = 4.5

FLAWS = """
const flaws = [];
const page = document.documentElement;
if (page.scrollWidth > page.clientWidth)
  flaws.push(`the page is ${page.scrollWidth} wide, the window ${page.clientWidth}`);
const colour = text => text.match(/[0-9.]+/g).map(Number);
const luminance = ([r, g, b]) => [r, g, b].map(c => c / 255)
  .map(c => c <= .03928 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4)
  .reduce((sum, c, i) => sum + c * [.2126, .7152, .0722][i], 0);
const behind = element => {
  for (let e = element; e; e = e.parentElement) {
    const c = colour(getComputedStyle(e).backgroundColor);
    if (c.length < 4 || c[3] > 0) return c;
  }
  return [255, 255, 255];
};
const boxes = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const node = walker.currentNode, text = node.textContent.trim();
  if (!text || boxes.length > 3000) continue;
  const element = node.parentElement, style = getComputedStyle(element);
  // What is folded has a place, too.
  if (!element.checkVisibility()) continue;
  const range = document.createRange();
  range.selectNodeContents(node);
  const [a, b] = [luminance(colour(style.color)), luminance(behind(element))];
  const contrast = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
  if (contrast < arguments[0]) flaws.push(`contrast ${contrast.toFixed(2)}: ${text.slice(0, 40)}`);
  for (const box of range.getClientRects()) {
    if (box.width < 1 || box.height < 1) continue;
    if (box.left < -1 || box.right > page.clientWidth + 1)
      flaws.push(`cut off: ${text.slice(0, 40)}`);
    for (const [other, its] of boxes.slice(-60)) {
      const across = Math.min(box.right, its.right) - Math.max(box.left, its.left);
      const down = Math.min(box.bottom, its.bottom) - Math.max(box.top, its.top);
      if (across > 1 && down > 4)
        flaws.push(`overlap: ${text.slice(0, 40)} and ${other.slice(0, 40)}`);
    }
    boxes.push([text, box]);
  }
}
if (!boxes.length) flaws.push("there is no text");
return flaws;
"""


def browser(profile):
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for flag in [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--hide-scrollbars",
        f"--user-data-dir={profile}",
    ]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))


def picture(chromium, file):
    """Of the whole page, however long."""
    size = chromium.execute_cdp_cmd("Page.getLayoutMetrics", {})["cssContentSize"]
    clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], 8000), "scale": 1}
    shot = chromium.execute_cdp_cmd(
        "Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip}
    )
    pathlib.Path(file).write_bytes(base64.b64decode(shot["data"]))


def look(chromium, file):
    flaws = chromium.execute_script(FLAWS, CONTRAST)
    # A page without an icon is no flaw.
    said = [
        line["message"] for line in chromium.get_log("browser") if "favicon" not in line["message"]
    ]
    picture(chromium, file)
    background = chromium.execute_script("return getComputedStyle(document.body).backgroundColor")
    return {
        "title": chromium.title,
        "background": background,
        "flaws": sorted(set(flaws)),
        "console": said,
    }


def follow(chromium, element):
    """Clicks, and waits for the next page: on a busy machine a click returns before it is there."""
    page = chromium.find_element(By.TAG_NAME, "html")
    element.click()
    # In between, there may be no document to ask.
    waiting = WebDriverWait(chromium, 60, ignored_exceptions=[WebDriverException])
    waiting.until(expected_conditions.staleness_of(page))


def search(chromium, text):
    box = chromium.find_element(By.NAME, "id")
    box.clear()
    box.send_keys(text)
    follow(chromium, chromium.find_element(By.CSS_SELECTOR, "form button"))


def main(url, pictures):
    with urllib.request.urlopen(f"{url}api/v1/identities?limit=1") as answer:
        [first] = json.load(answer)["identities"]
    region, _ = first["identity_id"].split(":")
    found = {}
    with tempfile.TemporaryDirectory() as profile:
        chromium = browser(profile)
        try:
            for name, width, scheme in LOOKS:
                metrics = {
                    "width": width,
                    "height": 900,
                    "deviceScaleFactor": 1,
                    "mobile": name.startswith("phone"),
                }
                chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
                chromium.execute_cdp_cmd(
                    "Emulation.setEmulatedMedia",
                    {"features": [{"name": "prefers-color-scheme", "value": scheme}]},
                )
                chromium.get(url)
                found[name] = look(chromium, f"{pictures}-{name}.png")
                search(chromium, f" {region}:")
                found[f"{name}-search"] = look(chromium, f"{pictures}-{name}-search.png")
                # A single match is shown at once.
                for match in chromium.find_elements(By.CSS_SELECTOR, "td a")[:1]:
                    follow(chromium, match)
                found[f"{name}-identity"] = look(chromium, f"{pictures}-{name}-identity.png")
                chromium.get(f"{url}api/v1/identities?near=0.5&sort=full_at")
                found[f"{name}-list"] = look(chromium, f"{pictures}-{name}-list.png")
                search(chromium, first["identity_id"].upper().replace(region.upper(), region))
                found[f"{name}-identity"]["address"] = chromium.current_url
        finally:
            chromium.quit()
    json.dump({"id": first["identity_id"], "looks": found}, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
