"""How surely held-out photos are recognised in changed and synthesised pictures.

python -m benchmarks.near_duplicates FOLDER [FOLDER ...]     sets in the DIS5K layout

Held out are the photos of DIS-TE1; DIS-TR gives unrelated pictures, of which each method may take
1 % for held-out ones: that sets its threshold, except for ours, whose threshold is fixed.
"""

import argparse
import json
import platform
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path

import cv2
import numpy as np

from benchmarks.near_duplicates_changes import CHANGES, Picture, edited, pasted, sample_of
from benchmarks.near_duplicates_rivals import Scorer, rivals
from datamodules.decode import read_image
from datamodules.decode_mask import read_mask
from datamodules.folder import PairFiles, find_pairs
from datamodules.photo_index import MIN_PLACES, PhotoIndex

OURS = "corners"
HELD_OUT = 3000
RESULTS = Path(__file__).parent / "results" / "near_duplicates.json"


def main() -> None:
    """Measure all methods on each folder, and the time on all folders together."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--pictures", type=int, default=120, help="most of a kind and folder")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    rows = [row for folder in options.folders for row in recognition(folder, options.pictures)]
    rows.append(speed(options.folders, options.pictures))
    names = " ".join(folder.name for folder in options.folders)
    record = {
        "command": f"python -m benchmarks.near_duplicates {names} --pictures {options.pictures}",
        "commit": _output("git", "rev-parse", "--short", "HEAD"),
        "date": date.today().isoformat(),
        "hardware": f"{platform.machine()}, one core",
        "rows": rows,
    }
    RESULTS.write_text(json.dumps(record, indent=1) + "\n")


def recognition(folder: Path, limit: int) -> Iterator[dict[str, object]]:
    """Yield one row a method: recall under each change, precision and threshold."""
    held_out = _thinned(find_pairs(folder, "DIS-TE1")[0], limit)
    unrelated = _thinned(find_pairs(folder, "DIS-TR")[0], 2 * limit)
    photos = [read_image(files.image) for files in held_out]
    index = PhotoIndex((str(k), photo) for k, photo in enumerate(photos))
    scorers = {OURS: _scorer(index), **rivals(photos)}
    wrong = [read_image(files.image) for files in unrelated]
    queries = dict(_queries(held_out, photos, unrelated))
    groups = [_group(files) for files in held_out]
    for name, score in scorers.items():
        alarms = np.array([score(picture)[0] for picture in wrong])
        least = MIN_PLACES if name == OURS else float(np.quantile(alarms, 0.99)) + 1e-6
        recall, hits, shown = {}, 0, 0
        for change, pictures in queries.items():
            found = [
                (seen := score(picture))[0] >= least and groups[seen[1]] == groups[k]
                for k, picture in pictures
            ]
            recall[change] = round(float(np.mean(found)), 3)
            hits, shown = hits + sum(found), shown + len(found)
        rate = float((alarms >= least).mean())
        row = {
            "set": folder.name,
            "method": name,
            "threshold": round(least, 4),
            "held_out": len(photos),
            "unrelated": len(wrong),
            "false_alarms": round(rate, 4),
            "largest_score_of_unrelated": round(float(alarms.max()), 4),
            # as if as many unrelated pictures had been shown as related ones
            "precision": round(hits / (hits + rate * shown), 4) if hits else 0.0,
            "recall": recall,
        }
        print(json.dumps(row), flush=True)
        yield row


def speed(folders: Sequence[Path], limit: int) -> dict[str, object]:
    """Return CPU milliseconds a pair for two sizes of the index, and for 3,000 photos by a line.

    The sets have no 3,000 photos. Looking up takes time in proportion to the photos, the rest none.
    """
    files = [f for folder in folders for f in find_pairs(folder, "DIS-TR")[0]]
    shown = _thinned([f for folder in folders for f in find_pairs(folder, "DIS-TE1")[0]], limit)
    pictures = [read_image(f.image) for f in shown]
    sizes, seconds, alarms, build = (len(files) // 8, len(files)), [], 0, 0.0
    for size in sizes:
        start = time.process_time()
        index = PhotoIndex((f.id, read_image(f.image)) for f in _thinned(files, size))
        build = (time.process_time() - start) / size
        index.recognise(pictures[0])  # compiles
        start = time.process_time()
        alarms = sum(index.recognise(picture) is not None for picture in pictures)
        seconds.append((time.process_time() - start) / len(pictures))
    slope = (seconds[1] - seconds[0]) / (sizes[1] - sizes[0])
    many = seconds[1] + slope * (HELD_OUT - sizes[1])
    row: dict[str, object] = {
        "held_out": sizes,
        "cpu_ms_a_pair": [round(1000 * each, 1) for each in seconds],
        "false_alarms_of_pictures": [alarms, len(pictures)],
        "cpu_ms_a_held_out_photo": round(1000 * build, 1),
        "extrapolated_cpu_s_10000_pairs_3000_held_out": round(10_000 * many + HELD_OUT * build),
    }
    print(json.dumps(row), flush=True)
    return row


def _scorer(index: PhotoIndex) -> Scorer:
    def score(picture: Picture) -> tuple[float, int]:
        seen = index.recognise(picture, min_places=3)
        return (0.0, 0) if seen is None else (float(seen.places), int(seen.id))

    return score


def _queries(
    held_out: Sequence[PairFiles], photos: Sequence[Picture], unrelated: Sequence[PairFiles]
) -> Iterator[tuple[str, list[tuple[int, Picture]]]]:
    for name, change in CHANGES.items():
        yield name, [(k, change(p, np.random.default_rng(k))) for k, p in enumerate(photos)]
    made: Mapping[str, list[tuple[int, Picture]]] = {
        "object bent": [],
        "other object on its background": [],
        "its object on another background": [],
        "other object on its background, and all": [],
    }
    bent, on_its, its_on, changed = made.values()
    for k, files in enumerate(held_out[::2]):
        other = unrelated[k % len(unrelated)]
        ours, theirs = (
            sample_of(f.id, read_image(f.image), read_mask(f.mask)) for f in (files, other)
        )
        for list_, picture in (
            (bent, edited(ours)),
            (on_its, pasted(theirs, ours)),
            (its_on, pasted(ours, theirs)),
        ):
            if picture is not None:
                list_.append((2 * k, picture))
    rng = np.random.default_rng(0)
    changed += [(k, CHANGES["all but the turn"](picture, rng)) for k, picture in on_its]
    yield from made.items()


def _thinned(files: Sequence[PairFiles], limit: int) -> list[PairFiles]:
    places = np.linspace(0, len(files) - 1, min(limit, len(files))).round().astype(int)
    return [files[k] for k in places]


def _group(files: PairFiles) -> str:
    """Return the name without the number of a film's frame: neighbours show the same."""
    head, _, number = files.image.stem.rpartition("_")
    return head if number.isdigit() and len(number) == 5 else files.id


def _output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    main()
