"""All figures that need a GPU, in parts of at most eight minutes.

Run from a clone: ``python -m benchmarks.gpu PART``; ``--list`` names the parts. A part measures its
arms interleaved, prints a table last and writes ``benchmarks/results/gpu_PART.json``. With
``--device cpu --smoke`` it runs at a tiny size, which shows that it runs and says nothing of speed.
"""

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import torch

from benchmarks.gpu_baselines import BASELINES, baseline
from benchmarks.gpu_diffusion_training import diffusion_training
from benchmarks.gpu_generation import painting
from benchmarks.gpu_loader import loading
from benchmarks.gpu_site import RESULTS, Measured, Part, Site
from benchmarks.gpu_training import BIREFNET, ISNET, UNET, training
from benchmarks.interleaved import spread
from callbacks import run_facts

PARTS: Mapping[str, Part] = {
    "generation_sd15": painting("sd15", batch=16, approximate=False),
    "generation_sd15_approximate": painting("sd15", batch=16, approximate=True),
    "generation_sdxl": painting("sdxl", batch=4, approximate=False),
    "generation_sdxl_approximate": painting("sdxl", batch=4, approximate=True),
    "train_isnet": training(ISNET),
    "train_birefnet": training(BIREFNET),
    "train_unet": training(UNET),
    "train_tiny_image": diffusion_training("train_tiny_image"),
    "train_tiny_mask": diffusion_training("train_tiny_mask"),
    "loader": loading,
    **{f"baseline_{each.key}": baseline(each) for each in BASELINES},
}


def main() -> None:
    """Run a part."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", nargs="?", choices=PARTS)
    parser.add_argument("--list", action="store_true", help="name the parts")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--smoke", action="store_true", help="tiny, to see that it runs")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--photos", type=Path, help="set in the DIS5K layout, for the baselines")
    parser.add_argument("--official", type=Path, help="checkouts, see benchmarks.dis_official")
    options = parser.parse_args()
    if options.list or options.part is None:
        print("\n".join(PARTS))
        return
    device = torch.device(options.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        sys.exit("benchmarks.gpu: there is no CUDA device here (--device cpu --smoke runs without)")
    begun = time.perf_counter()
    site = Site(
        device,
        options.smoke,
        photos=options.photos,
        out=options.out,
        official=options.official,
    )
    found = PARTS[options.part](site)
    content = {
        "part": options.part,
        "is_smoke": options.smoke,
        "rows": [asdict(each) for each in found],
        "seconds": round(time.perf_counter() - begun, 1),
        "command": run_facts.command(),
        "commit": run_facts.commit(),
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "hardware": run_facts.hardware(device, 1),
        "versions": run_facts.versions(),
    }
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / f"gpu_{options.part}.json").write_text(f"{json.dumps(content, indent=1)}\n")
    print(table(found))


def table(rows: Sequence[Measured]) -> str:
    """Return rows as a table for people; ratios are to the first, repeat by repeat."""
    lines = ["| what | rate | times the first | peak GiB | remark |", "|---|---|---|---|---|"]
    for row in rows:
        ratios = [a / b for a, b in zip(row.values, rows[0].values, strict=True)]
        rate = f"{spread(row.values, '.4g')} {row.unit}"
        peak = "" if row.peak_gib is None else f"{row.peak_gib:.1f}"
        lines.append(f"| {row.name} | {rate} | {spread(ratios, '.2f')} | {peak} | {row.remark} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
