"""Opens the sample app in a real browser and clicks on a technology: the part of a smoke test that is your own page's.

python .github/click.py http://localhost:8090 Kafka
"""

import re
import shutil
import sys

from playwright.sync_api import sync_playwright

BROWSERS = ("google-chrome", "chromium", "chromium-browser")


def main(url: str, technology: str) -> None:
    """Click, and wait until the tag has delivered what it has to say. Raises playwright's errors."""
    browser_path = next(filter(None, map(shutil.which, BROWSERS)), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(url)
        page.get_by_role("button", name=re.compile(technology)).click()
        page.evaluate("new Promise(done => divolte.whenCommitted(done, 10000))")
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
