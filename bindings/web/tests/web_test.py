"""The library for browsers, in node and in a Chromium with a camera that shows a film: `web_test.py BUILD [--time]`."""

from __future__ import annotations

import argparse
import base64
import json
import subprocess
import tempfile
from contextlib import closing
from pathlib import Path

from chromium import Chromium, serve

MODELS = Path("examples/models")
LARGEST = 400_000
NARROW = 360

# In the page: what a session with so many threads says of the clip, and how long it takes.
CLASSIFY = """(async () => {
  const { Engine, Model, Session, Stream } = await import("/dualpath.js");
  const bytes = async (path) => (await fetch(path)).arrayBuffer();
  const engine = await Engine.load({ threads: THREADS });
  const backbone = Model.open(engine, await bytes("/models/backbone.gguf"), { asBackbone: true });
  const model = backbone.openTask(await bytes("/models/TASK.gguf"));
  const session = new Session(model);
  const clip = new Uint8Array(await bytes("/clip.rgb"));
  const size = 320 * 240 * 3;
  const frames = Array.from({ length: clip.length / size }, (_, i) => ({
    data: clip.subarray(i * size, (i + 1) * size), width: 320, height: 240, format: "rgb24" }));
  let answer, clipMs = Infinity, hopMs = Infinity;
  for (let i = 0; i < ROUNDS; i++) {
    answer = session.classify(frames);
    clipMs = Math.min(clipMs, answer.totalMs);
  }
  if (ROUNDS > 1) {
    const stream = new Stream(session, { rate: 1 });
    frames.forEach((frame, i) => {
      stream.push(frame, i * 1000);
      const window = stream.next();
      hopMs = window && window.number > 0 ? Math.min(hopMs, window.totalMs) : hopMs;
    });
  }
  return { logits: Array.from(answer.logits), threads: session.threads, clipMs, hopMs };
})()"""


def say(what: str) -> None:
    print(f"ok {what}", flush=True)


def check_size(web: Path) -> None:
    scripts = [web / "dualpath.js", web / "engine.js"]
    for variant in ("single", "threads"):
        files = [*web.glob(f"{variant}.*"), *scripts]
        size = sum(file.stat().st_size for file in files)
        assert size < LARGEST, f"{variant}: {size} bytes, expected less than {LARGEST}"
        say(f"{variant}: {size} bytes")


def draw_film(build: Path, work: Path) -> None:
    """clip.rgb of frames, camera.y4m for the camera, film.webm for the page."""
    with (work / "camera.y4m").open("wb") as film:
        subprocess.run([build / "examples/scene", "pan-right"], stdout=film, check=True)
    ffmpeg: list[str | Path] = ["ffmpeg", "-v", "error", "-y", "-i", work / "camera.y4m"]
    subprocess.run([*ffmpeg, "-pix_fmt", "rgb24", "-f", "rawvideo", work / "clip.rgb"], check=True)
    loop: list[str | Path] = [
        "ffmpeg",
        "-v",
        "error",
        "-y",
        "-stream_loop",
        "1",
        "-i",
        work / "camera.y4m",
    ]
    subprocess.run([*loop, "-c:v", "libvpx", "-b:v", "1M", work / "film.webm"], check=True)


def plain_c(build: Path, work: Path) -> dict[str, list[float]]:
    answers = {}
    for task in ("camera-motion", "human-action"):
        for precision in ("f32", "bf16", "int8"):
            command: list[str | Path] = [
                build / "dualpath",
                "classify",
                "--cpu",
                "c",
                "--precision",
                precision,
                "--json",
                "--backbone",
            ]
            command += [
                MODELS / "backbone.gguf",
                MODELS / f"{task}.gguf",
                "--size",
                "320x240",
                work / "clip.rgb",
            ]
            printed = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
            answers[f"{task} {precision}"] = json.loads(printed)["logits"]
    return answers


def classify(browser: Chromium, task: str, threads: int, rounds: int) -> dict[str, object]:
    script = (
        CLASSIFY.replace("TASK", task)
        .replace("THREADS", str(threads))
        .replace("ROUNDS", str(rounds))
    )
    answer = browser.evaluate(script)
    assert answer["threads"] == threads, answer
    return dict(answer)


def check_answers(
    browser: Chromium, isolated: str, answers: dict[str, list[float]], time: bool
) -> None:
    # A blank page of the server: that of the models would compute, too.
    browser.show(f"{isolated}/blank.html", 800, 600, "light")
    for task in ("camera-motion", "human-action"):
        for threads in (1, 2):
            answer = classify(browser, task, threads, 5 if time else 1)
            got = answer["logits"]
            same = browser.evaluate(
                f"JSON.stringify(Array.from(Float32Array.from({answers[f'{task} f32']}))) === JSON.stringify({got})"
            )
            assert same, f"{task}, {threads} threads: {got}"
            times = (
                f", {answer['clipMs']:.0f} ms a clip, {answer['hopMs']:.0f} ms a hop"
                if time
                else ""
            )
            say(f"Chromium: {task}, {threads} threads: the bits of plain C{times}")


def watches(browser: Chromium, label: str = "") -> None:
    """Something was found; of a film that is seen whole, we know what. A camera drops frames."""
    browser.until("document.querySelector('#bars li.first') !== null", "bars")
    browser.until("document.querySelectorAll('#events li').length > 0", "an event")
    events = browser.evaluate("document.querySelector('#events').textContent")
    assert label in events, events
    assert browser.evaluate("""(() => {
      const { width, height } = timeline;
      return timeline.getContext('2d').getImageData(0, 0, width, height).data.some((byte) => byte > 0);
    })()"""), "the timeline is empty"


def ready(browser: Chromium) -> None:
    browser.until("document.querySelector('#status').textContent.startsWith('Ready')", "the model")
    width = browser.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert width <= 0, f"the page is {width} pixels too wide"


def tab_to(browser: Chromium, what: str) -> None:
    for _ in range(8):
        browser.key("Tab", 9)
        if browser.evaluate("document.activeElement.id") == what:
            return
    raise AssertionError(f"Tab never comes to {what}")


def check_page(browser: Chromium, address: str, isolated: str, work: Path, pictures: Path) -> None:
    def picture(name: str) -> None:
        (pictures / f"{name}.png").write_bytes(base64.b64decode(browser.screenshot()))

    browser.show(f"{address}/index.html", 960, 1150, "light")
    ready(browser)
    browser.choose_file("#file", work / "film.webm")
    watches(browser, "pan right")
    browser.until("document.querySelector('#stop').disabled", "the end of the film")
    picture("web-light")
    browser.resize(960, 1150, "dark")
    picture("web-dark")
    browser.resize(NARROW, 800, "light")
    picture("web-phone-light")
    say("page: a file, without threads")

    browser.choose_file("#file", work / "clip.rgb")
    browser.until("document.querySelector('#status.error') !== null", "an error")
    assert "clip.rgb" in browser.evaluate("document.querySelector('#status').textContent")
    say("page: a file that is no video is an error that names it")

    browser.show(f"{isolated}/index.html?threads=2", NARROW, 800, "dark")
    ready(browser)
    tab_to(browser, "camera")
    browser.key("Enter", 13, "\r")
    watches(browser)
    tab_to(browser, "stop")
    picture("web-phone-dark")
    browser.key("Enter", 13, "\r")
    browser.until("document.querySelector('#stop').disabled", "the camera to stop")
    tab_to(browser, "events")
    say("page: the camera by keyboard, 360 pixels wide, dark, with threads")
    problems = [problem for problem in browser.problems if "clip.rgb" not in problem]
    assert not problems, problems


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=Path)
    parser.add_argument("--time", action="store_true", help="also milliseconds a clip and a hop")
    parser.add_argument("--node", default="node")
    arguments = parser.parse_args()
    web = arguments.build / "web"
    pictures = arguments.build / "web-pictures"
    pictures.mkdir(exist_ok=True)
    check_size(web)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        site = work / "site"
        site.mkdir()
        draw_film(arguments.build, work)
        answers = plain_c(arguments.build, work)
        (work / "answers.json").write_text(json.dumps(answers))
        test = Path(__file__).with_name("node_test.mjs")
        files: list[str | Path] = [web, MODELS, work / "clip.rgb", work / "answers.json"]
        subprocess.run([arguments.node, "--expose-gc", test, *files], check=True)
        for file in web.iterdir():
            (site / file.name).symlink_to(file.resolve())
        (site / "clip.rgb").symlink_to(work / "clip.rgb")
        (site / "blank.html").write_text("<!doctype html><link rel=icon href='data:,'>")
        with closing(Chromium(work / "profile", work / "camera.y4m")) as browser:
            isolated = serve(site, isolated=True)
            check_answers(browser, isolated, answers, arguments.time)
            check_page(browser, serve(site, isolated=False), isolated, work, pictures)
    print("web: all tests passed")


if __name__ == "__main__":
    main()
