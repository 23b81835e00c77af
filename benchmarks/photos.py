"""Train, test and predict on a folder of real photos over several seeds, and print the spread.

python -m benchmarks.photos FOLDER --name people --seeds 0 1 2

Runs land in runs/photos/<name>/<seed>; a seed whose report stands is not run again, one that was
stopped goes on.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from statistics import mean, stdev

CONFIG = ["--config", "configs/dis/unet.yaml", "--config", "configs/trainer/cpu.yaml"]
KEYS = ("max_f", "mean_f", "mae")


def main() -> None:
    """Run what is missing and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="set in the DIS5K layout")
    parser.add_argument("--name", required=True, help="of the folder below runs/photos")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--size", type=int, default=160, help="of the square that the net sees")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    options = parser.parse_args()
    runs = [Path("runs/photos") / options.name / str(seed) for seed in options.seeds]
    flags = ("--trainer.max_steps", str(options.steps), "--data.size", str(options.size))
    for seed, run in zip(options.seeds, runs, strict=True):
        if not (run / "report" / "metrics.json").is_file():
            fit_and_test(options.folder, run, seed, flags)
    predict(options.folder / "DIS-TE1" / "im", runs[0], options.size)
    print_table(options.name, runs)


def fit_and_test(folder: Path, run: Path, seed: int, flags: tuple[str, ...]) -> None:
    """Run fit and test in processes of their own, as a user would."""
    shared = [
        *(*CONFIG, "--data.root", str(folder), "--data.on_error", "skip"),
        *("--trainer.default_root_dir", str(run), "--seed_everything", str(seed)),
        *("--trainer.precision", "bf16-mixed", *flags),
    ]
    start = time.monotonic()
    train("fit", *shared, "--ckpt_path", "last")
    print(f"{run}: fit took {time.monotonic() - start:.0f} s", flush=True)
    train("test", *shared, "--ckpt_path", str(run / "checkpoints" / "best.ckpt"))


def predict(photos: Path, run: Path, size: int) -> None:
    """Cut out the test photos."""
    start = time.monotonic()
    train(
        *("predict", "--config", "configs/dis/predict.yaml", "--data.root", str(photos)),
        *("--data.size", str(size), "--trainer.default_root_dir", str(run)),
        *("--ckpt_path", str(run / "checkpoints" / "best.ckpt")),
    )
    num_masks = len(list((run / "predictions" / "masks").rglob("*.png")))
    print(f"{run}: {num_masks} cut-outs stand, {time.monotonic() - start:.0f} s", flush=True)


def train(*arguments: str) -> None:
    """Run ``python -m train``."""
    subprocess.run([sys.executable, "-m", "train", *arguments], check=True)


def print_table(name: str, runs: list[Path]) -> None:
    """Print each score as mean and standard deviation over the seeds, and the priors."""
    scores = [json.loads((run / "report" / "metrics.json").read_text())["all"] for run in runs]
    priors = json.loads((runs[0] / "report" / "priors.json").read_text())
    print(f"| {name} | " + " | ".join(KEYS) + " |")
    spread = [
        f"{mean(values):.4f} +- {stdev(values):.4f}" if len(values) > 1 else f"{values[0]:.4f}"
        for values in ([score[key] for score in scores] for key in KEYS)
    ]
    print(f"| U-Net, {len(runs)} seeds | " + " | ".join(spread) + " |")
    for prior, subsets in priors.items():
        print(f"| {prior} | " + " | ".join(f"{subsets['all'][key]:.4f}" for key in KEYS) + " |")


if __name__ == "__main__":
    main()
