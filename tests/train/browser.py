"""A headless Chromium, driven by the DevTools protocol over a pipe.

Over a pipe, for then nothing but the standard library is needed, and no port. Protocol:
https://chromedevtools.github.io/devtools-protocol/
"""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from select import select
from shutil import which
from time import monotonic
from typing import Any

BROWSER = which("chromium") or which("chromium-browser") or which("google-chrome")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-quic"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--window-size=1300,1000", "--remote-debugging-pipe"),
)
Message = dict[str, Any]


class Tab:
    """The one tab of a browser; every wait ends with an error after ``patience`` seconds."""

    def __init__(self, process: subprocess.Popen[bytes], downloads: Path) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._write, self._read = process.stdin, process.stdout.fileno()
        self._downloads = downloads
        self._rest = b""
        self._last = 0
        self._session: str | None = None
        self.patience = 60.0
        self.events: list[Message] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        found = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = found["sessionId"]
        for domain in ("Page", "Network", "Runtime", "DOM"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: object) -> Message:
        """Return the result of one method of the protocol."""
        self._last += 1
        number = self._last
        message = {"id": number, "method": method, "params": parameters}
        if self._session is not None and not method.startswith("Browser."):
            message["sessionId"] = self._session
        self._write.write(json.dumps(message).encode() + b"\0")
        self._write.flush()
        answer = self._wait(lambda found: found.get("id") == number, method)
        assert "error" not in answer, (method, answer)
        return answer["result"]  # type: ignore[no-any-return]

    def evaluate(self, script: str) -> Any:
        """Return the value of an expression of JavaScript, awaited if it is a promise."""
        found = self.call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in found, (script, found)
        return found["result"].get("value")

    def until(self, script: str) -> Any:
        """Return the value of an expression as soon as it is true; of an element true."""
        milliseconds = int(1000 * self.patience)
        value = self.evaluate(f"""new Promise((done) => {{
            const end = Date.now() + {milliseconds};
            const look = () => {{
                const value = {script};
                if (value || Date.now() > end) done(value instanceof Node || value);
                else setTimeout(look, 50);
            }};
            look();
        }})""")
        assert value, f"{script} did not come: {self.evaluate('document.body.innerText')}"
        return value

    def open(self, url: str) -> None:
        """Open a page; what it asked for is in ``events`` from its first request on."""
        self.call("Page.navigate", url=url)
        self._wait(lambda found: found.get("method") == "Page.loadEventFired", url)

    def choose_file(self, selector: str, path: Path) -> None:
        """Give a file to a page's input, as its dialog would."""
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.call("DOM.setFileInputFiles", nodeId=node, files=[str(path)])

    def click(self, selector: str, across: float = 0.5) -> None:
        """Press and release the mouse on an element, ``across`` in [0, 1] from its left."""
        x, y = self.evaluate(f"""(() => {{
            const element = document.querySelector({json.dumps(selector)});
            element.scrollIntoView({{ block: "center" }});
            const box = element.getBoundingClientRect();
            return [box.x + {across} * box.width, box.y + box.height / 2];
        }})()""")
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def press(self, key: str, code: int) -> None:
        """Press and release a key, such as ArrowLeft, in the element that has the focus."""
        for kind in ("rawKeyDown", "keyUp"):
            self.call(
                "Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code
            )

    def download(self, start: Callable[[], None]) -> Path:
        """Return the file that arrives after ``start()``."""
        self.call(
            "Browser.setDownloadBehavior",
            behavior="allow",
            downloadPath=str(self._downloads),
            eventsEnabled=True,
        )
        since = len(self.events)
        start()
        begun = self._event(since, "Browser.downloadWillBegin")
        self._event(since, "Browser.downloadProgress", state="completed", guid=begun["guid"])
        return self._downloads / begun["suggestedFilename"]

    @contextmanager
    def holding(self, pattern: str) -> Iterator[None]:
        """Let requests to addresses such as ``*/queue/*`` wait until this is left."""
        self.call("Fetch.enable", patterns=[{"urlPattern": pattern}])
        yield
        self.call("Fetch.disable")

    def urls(self) -> list[str]:
        """Return whatever the tab asked for, sockets included."""
        self.evaluate("0")  # events before this answer are here with it
        asked = [event["params"] for event in self.events]
        requests = [found["request"]["url"] for found in asked if "documentURL" in found]
        sockets = [
            event["params"]["url"]
            for event in self.events
            if event["method"] == "Network.webSocketCreated"
        ]
        return requests + sockets

    def _event(self, since: int, method: str, **wanted: object) -> Message:
        def fits(found: Message) -> bool:
            named = found.get("method") == method
            return named and wanted.items() <= found["params"].items()

        seen = next((event for event in self.events[since:] if fits(event)), None)
        return (seen or self._wait(fits, method))["params"]  # type: ignore[no-any-return]

    def _wait(self, fits: Callable[[Message], bool], name: str) -> Message:
        end = monotonic() + self.patience + 10  # `until` has its own, and tells more
        while True:
            message = self._receive(end - monotonic(), name)
            if "method" in message:
                self.events.append(message)
            if fits(message):
                return message

    def _receive(self, seconds: float, name: str) -> Message:
        while b"\0" not in self._rest:
            ready, _, _ = select([self._read], [], [], max(seconds, 0))
            assert ready, f"the browser did not answer: {name}"
            part = os.read(self._read, 2**20)
            assert part, f"the browser ended: {name}"
            self._rest += part
        line, self._rest = self._rest.split(b"\0", 1)
        return json.loads(line)  # type: ignore[no-any-return]


@contextmanager
def opened(folder: Path) -> Iterator[Tab]:
    """Start a browser that keeps its files, downloads too, in a folder; needs `BROWSER`."""
    # it reads from descriptor 3 and writes to 4; the shell puts the pipes there
    command = ["sh", "-c", 'exec "$@" 3<&0 4>&1 </dev/null >/dev/null', "sh", str(BROWSER)]
    with (folder / "browser.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, *FLAGS, f"--user-data-dir={folder / 'user'}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
        )
    with process:
        try:
            tab = Tab(process, folder)
            yield tab
            tab.call("Browser.close")
            process.wait(30)
        finally:
            process.kill()
