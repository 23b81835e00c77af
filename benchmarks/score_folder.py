"""Time the scoring of a folder of 8 MP predictions, made by upscaling real masks.

python -m benchmarks.score_folder MASKS --num 40

MASKS is any folder of masks, searched to any depth; they are taken in turn. A prediction is its
mask, moved by some pixels, softened and made noisy, so that no measure has an easy case. Both are
made in a temporary folder; only the command is timed: for one image, which is its start, and for
all, without skeletons of an earlier run and with them. Much less processor time than cores times
seconds means that something else was running.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np

HEIGHT, WIDTH = 2448, 3264  # 8 MP, a phone's photo
FULL = 2470  # images of DIS5K's validation and four test sets
SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"}


def main() -> None:
    """Make the folders, run the command and print its speed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("masks", type=Path, help="folder of real masks")
    parser.add_argument("--num", type=int, default=40, help=f"images; {FULL} for the full run")
    parser.add_argument(
        "--keep", type=Path, help="folder to make them in, or one of the same --num"
    )
    options = parser.parse_args()
    with TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        make_folders(options.masks, folder, options.num)
        shutil.rmtree(folder / "runs", ignore_errors=True)  # of an earlier --keep
        start = score(folder, "one", "--trainer.limit_test_batches", "1", "--data.batch_size", "1")
        print(f"one image, which is mostly start: {start.seconds:.1f} s")
        for name in ("without skeletons", "with skeletons"):
            print_speed(name, score(folder, "all"), start, options.num)


@dataclass(frozen=True)
class Run:
    """One run of the command."""

    seconds: float
    processor_seconds: float
    scores: dict[str, float]


def print_speed(name: str, run: Run, start: Run, num: int) -> None:
    """Print images a second without the start, and what it means for the whole of DIS5K."""
    each = (run.seconds - start.seconds) / (num - 1)
    processor_each = (run.processor_seconds - start.processor_seconds) / (num - 1)
    print(f"{name}: {num} images of {WIDTH} x {HEIGHT} in {run.seconds:.1f} s, start included")
    print(f"  {1 / each:.2f} images/s, {1000 * each:.0f} ms an image")
    print(f"  {1000 * processor_each:.0f} ms of processor time an image, on {os.cpu_count()} cores")
    if num != FULL:
        print(f"  {FULL} images would take {(start.seconds + FULL * each) / 60:.1f} min")
    print(f"  {json.dumps(run.scores)}")


def make_folders(source: Path, folder: Path, num: int) -> None:
    """Write ``masks`` and ``predictions`` below `folder`, but for those that stand already."""
    paths = sorted(path for path in source.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not paths:
        raise SystemExit(f"no masks in {source}")
    for name in ("masks", "predictions"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    # neighbours in a folder are often frames of one video: take them from all over it
    chosen = [paths[number * len(paths) // num % len(paths)] for number in range(num)]
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda number: write_pair(chosen[number], folder, number), range(num)))


def write_pair(source: Path, folder: Path, number: int) -> None:
    """Write one mask of 8 MP and a degraded copy of it."""
    mask_path, map_path = (folder / n / f"{number:04d}.png" for n in ("masks", "predictions"))
    if mask_path.is_file() and map_path.is_file():
        return
    mask = cv2.imread(str(source), cv2.IMREAD_GRAYSCALE)
    if mask is None:
        raise SystemExit(f"{source} cannot be read")
    large = cv2.resize(mask, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    large = moved(np.where(large > 128, 255, 0).astype(np.uint8), number)
    cv2.imwrite(str(mask_path), large)
    cv2.imwrite(str(map_path), degraded(large, number))


def moved(mask: np.ndarray, number: int) -> np.ndarray:
    """Return the mask mirrored and rolled by its number: ``(h, w)`` uint8.

    Where there are fewer masks than images they come again, and skeletons are kept by content: a
    repeated truth would cost none.
    """
    mirrored = (mask, mask[:, ::-1], mask[::-1], mask[::-1, ::-1])[number % 4]
    # 7 and 11 are prime to the sides: no two numbers below 9,792 are rolled alike
    return np.ascontiguousarray(np.roll(mirrored, (7 * number, 11 * number), (0, 1)))


def degraded(mask: np.ndarray, number: int) -> np.ndarray:
    """Return a mask as a network might have found it: ``(h, w)`` uint8."""
    random = np.random.default_rng(number)
    dy, dx = random.integers(-8, 9, 2)
    soft = cv2.GaussianBlur(np.roll(mask, (dy, dx), (0, 1)), (0, 0), random.uniform(1, 6))
    # errors in blobs, as of an upscaled map of 1/16 of the size
    noise = random.normal(0, 40, (HEIGHT // 16, WIDTH // 16)).astype(np.float32)
    blobs = cv2.resize(noise, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR)
    # only beside the object's boundary: elsewhere networks are sure
    unsure = cv2.GaussianBlur(mask, (0, 0), 24).astype(np.float32) / 255
    return np.clip(soft + blobs * 4 * unsure * (1 - unsure), 0, 255).astype(np.uint8)


def score(folder: Path, name: str, *flags: str) -> Run:
    """Run the command as a user would; a run of another name has other skeletons."""
    output = folder / "runs" / name
    command = [
        *(sys.executable, "-m", "train", "test", "--config", "configs/dis/score_folder.yaml"),
        *("--data.predictions", str(folder / "predictions")),
        *("--data.masks", str(folder / "masks"), "--trainer.default_root_dir", str(output)),
        *("--model.skeletons", str(output / "skeletons"), *flags),
    ]
    start, used = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True)
    seconds, now = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return Run(
        seconds=seconds,
        processor_seconds=now.ru_utime - used.ru_utime + now.ru_stime - used.ru_stime,
        scores=json.loads((output / "report" / "metrics.json").read_text())["all"],
    )


if __name__ == "__main__":
    main()
