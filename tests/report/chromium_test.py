"""Open the report's pages in headless Chromium: nothing on the console, nothing loaded, every plot drawn and readable.

At 1,280 and 400 pixels, light and dark: no part is wider than the window (but tables, which scroll by themselves), no
words of a plot lie on others or outside it, text has contrast; and the page prints.  BSFT_SCREENSHOTS=DIR keeps the
pictures.
"""
import base64
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(__file__))
import example_run  # noqa: E402

PROBE = sys.argv[1]
PLOTS = ["reactive tasks", "mixed tasks", "proactive tasks", "Macro-F1 over the checkpoints",
         "Steering over the checkpoints", "Steerability by behaviour", "Steerability by task group",
         "Cost of speaking up", "Reliability of the selection", "Behaviour selected against gold", "Loss",
         "Accuracy of the next token", "Entropy of the behaviour token", "Gradient norm", "Learning rate", "Throughput",
         "Seconds a step by stage", "Memory planned and measured", "Records: train", "Records: dev", "Records: test",
         "Length of the records", *(f"Answers: {task}" for tasks in example_run.GROUPS.values() for task in tasks)]
# What is wrong on the page as it stands, as lines.
LOOK = r"""
const wrong = [], width = window.innerWidth, plots = [];
if (document.documentElement.scrollWidth > width) wrong.push('the page is ' + document.documentElement.scrollWidth + ' wide');
for (const element of document.querySelectorAll('main *')) {
  if (element.closest('.scroll, svg, pre')) continue;
  if (element.getBoundingClientRect().right > width + 0.5) wrong.push('beyond the right edge: ' + element.outerHTML.slice(0, 80));
}
for (const svg of document.querySelectorAll('svg')) {
  const name = svg.getAttribute('aria-label'), box = svg.getBoundingClientRect();
  plots.push(name);
  if (box.width < 250 || box.height < 40) wrong.push(name + ' is ' + box.width + ' × ' + box.height);
  const marks = [...svg.querySelectorAll('.line, .dot, .cell, .area, .strand')].filter(mark => {
    const size = mark.getBoundingClientRect();
    return size.width + size.height > 1 && getComputedStyle(mark).visibility == 'visible';
  });
  if (marks.length == 0) wrong.push(name + ' has no mark');
  const words = [...svg.querySelectorAll('text')].map(text => [text.textContent, text.getBoundingClientRect()]);
  for (const [text, at] of words) {
    if (at.left < box.left - 1 || at.right > Math.min(box.right + 24, width) || at.bottom > box.bottom + 3 || at.top < box.top - 3)
      wrong.push(name + ': "' + text + '" lies outside');
    if (at.height < 8) wrong.push(name + ': "' + text + '" is ' + at.height + ' pixels high');
  }
  words.forEach(([text, a], i) => words.slice(i + 1).forEach(([other, b]) => {
    const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
    const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
    if (across > 1 && down > 5) wrong.push(name + ': "' + text + '" lies on "' + other + '"');
  }));
}
const light = colour => {
  const parts = colour.match(/[\d.]+/g).slice(0, 3).map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
};
const paper = light(getComputedStyle(document.body).backgroundColor);
for (const element of document.querySelectorAll('p, td, th, figcaption b, figcaption span, summary, svg text:not(.on)')) {
  const style = getComputedStyle(element), ink = light(element.closest('svg') ? style.fill : style.color);
  const contrast = (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
  if (contrast < 4) { wrong.push('contrast ' + contrast.toFixed(1) + ': ' + element.outerHTML.slice(0, 80)); break; }
}
return {wrong, plots, paper};
"""


def skip(why):
    print(f"skipped: {why}: launch/setup.sh --tests installs chromium, chromium-driver and selenium")
    sys.exit(77)


def browser():
    try:
        from selenium import webdriver
    except ImportError:
        skip("no selenium")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if chromium is None or driver is None:
        skip("no Chromium with its driver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    # as root in a container there is neither a sandbox nor much shared memory
    for word in ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path=driver))


def requests(driver):
    for entry in driver.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            yield message["params"]["request"]["url"]


def look(driver, file, plots):
    """At both widths and in both schemes, with everything unfolded."""
    list(requests(driver))
    driver.get(file.as_uri())
    papers = []
    driver.execute_script("document.querySelectorAll('details').forEach(one => one.open = true)")
    for scheme in ("light", "dark"):
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia",
                               {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
        for width in (1280, 400):
            driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                                   {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False})
            seen = driver.execute_script(LOOK)
            assert not seen["wrong"], f"{file.name}, {width} pixels, {scheme}:\n" + "\n".join(seen["wrong"][:20])
            assert set(plots) <= set(seen["plots"]), sorted(set(plots) - set(seen["plots"]))
            if "BSFT_SCREENSHOTS" in os.environ:
                picture = driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True})["data"]
                pathlib.Path(os.environ["BSFT_SCREENSHOTS"], f"{file.stem}-{width}-{scheme}.png").write_bytes(
                    base64.b64decode(picture))
        papers.append(seen["paper"])
    assert papers[0] > 0.8 and papers[1] < 0.05, f"light and dark paper are {papers}"
    console = driver.get_log("browser")
    assert not console, console
    others = [url for url in requests(driver) if url != file.as_uri() and not url.startswith("data:")]
    assert not others, others
    # paper is white, whatever the reader's scheme
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia",
                           {"media": "print", "features": [{"name": "prefers-color-scheme", "value": "dark"}]})
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                           {"width": 760, "height": 900, "deviceScaleFactor": 1, "mobile": False})
    printed = driver.execute_script(LOOK)
    assert printed["paper"] > 0.8 and not printed["wrong"], printed["wrong"][:20]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})
    pdf = base64.b64decode(driver.execute_cdp_cmd("Page.printToPDF", {})["data"])
    pages = len(re.findall(rb"/Type\s*/Page\b", pdf))
    assert pdf.startswith(b"%PDF") and pages >= 2, f"{pages} pages"
    return len(seen["plots"])


def main():
    driver = browser()
    try:
        with tempfile.TemporaryDirectory(prefix="bsft_page_") as name:
            folder = pathlib.Path(name)
            runs = [example_run.write_run(folder / f"seed-{seed}", seed) for seed in (1, 2)]
            bare = folder / "bare"
            bare.mkdir()
            (bare / "config.yaml").write_text("run: {}\n")
            for file, text in (("none", "null"), ("comparison", json.dumps(example_run.comparison(runs)))):
                (folder / f"{file}.json").write_text(text)

            def page(file, comparison, *of):
                subprocess.run([PROBE, folder / file, folder / f"{comparison}.json", *of], check=True)
                return folder / file

            drawn = look(driver, page("one.html", "none", runs[0]), PLOTS)
            block = driver.execute_script("return JSON.parse(document.getElementById('numbers').textContent)")
            assert block["runs"][0]["results"] == json.loads((runs[0] / "results.json").read_text())
            drawn += look(driver, page("several.html", "comparison", *runs),
                          PLOTS + ["Overall and by group", "By task", "Metric of the checkpoints"])
            drawn += look(driver, page("sweep.html", "comparison", "--sweep"),
                          ["Overall and by group", "By task", "How the arms learned", "Which values go with a good score"])
            look_at = page("bare.html", "none", bare)
            driver.get(look_at.as_uri())
            assert not driver.execute_script(LOOK)["wrong"]
            assert not driver.get_log("browser")
    finally:
        driver.quit()
    print(f"{drawn} plots at two widths in two schemes")


main()
