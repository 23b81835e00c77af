"""How long it takes to make a pair: by the processor's clock, and by the wall's beside it."""

import json
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median

Row = Mapping[str, object]


def times(work: Callable[[], None], repeats: int) -> list[tuple[float, float]]:
    """Return processor and wall seconds of each repeat; one before them compiles."""
    work()
    found = []
    for _ in range(repeats):
        wall, processor = time.perf_counter(), time.process_time()
        work()
        found.append((time.process_time() - processor, time.perf_counter() - wall))
    return found


def spread(seconds: list[tuple[float, float]], num_pairs: int) -> Row:
    """Return milliseconds a pair: median, least and most of either clock."""
    row: dict[str, object] = {}
    for name, values in zip(("processor_ms", "wall_ms"), zip(*seconds, strict=True), strict=True):
        each = [1000 * value / num_pairs for value in values]
        row[name] = round(median(each), 2)
        row[f"{name}_range"] = [round(min(each), 2), round(max(each), 2)]
    return row


def report(row: Row, rows: Path | None) -> None:
    """Print a row, and add it with the commit to a file of JSON lines."""
    print(json.dumps(row), flush=True)
    if rows is not None:
        command = ["git", "rev-parse", "--short", "HEAD"]
        commit = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
        with rows.open("a") as file:
            file.write(f"{json.dumps({**row, 'commit': commit})}\n")
