"""The picture of the page that `--conc-html` writes, made from the first failure of the tutorial.

python -m suites.plugin.pictures      needs Chromium; writes docs/pictures/timeline.png
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from suites.plugin.quotes import ROOT, blocks

PICTURE = ROOT / "docs" / "pictures" / "timeline.png"
WINDOW = "1180,1180"
STEPS = """
<script>
addEventListener("load", () => setTimeout(() => {
  const right = () => new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true });
  for (let i = 0; i < 2; i++) document.dispatchEvent(right());
}, 200));
</script>
"""


def main() -> None:
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        sys.exit("no chromium, chromium-browser or google-chrome on the PATH")
    tutorial = next(block for block in blocks() if block.page.stem == "first-race" and "failed" in block.outcome)
    with tempfile.TemporaryDirectory() as folder:
        test, page = Path(folder, "test_poll.py"), Path(folder, "page.html")
        test.write_text(tutorial.source)
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--conc-html={page}", str(test)]
        subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL)
        page.write_text(page.read_text().replace("</body>", STEPS + "</body>"))
        PICTURE.parent.mkdir(exist_ok=True)
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--virtual-time-budget=3000"]
        shot = [f"--window-size={WINDOW}", f"--screenshot={PICTURE}", page.as_uri()]
        subprocess.run([browser, *options, *shot], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
