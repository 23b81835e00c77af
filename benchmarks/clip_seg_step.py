"""What a training step of open-vocabulary segmentation costs with vocabularies of two sizes.

    python -m benchmarks.clip_seg_step [--true-size]

Steps with 100 and with 1,203 names, both sampled to 100, taken in turn; the ratio of the medians
should be 1. Without ``--true-size`` the network is small, where the classes weigh most.
"""

import argparse
import json
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import torch
from torch.optim import AdamW

from benchmarks.interleaved import interleaved, spread
from benchmarks.op_count import work_of
from datamodules.batch import Batch
from datamodules.sample import MaskKind
from datamodules.vocabulary import SHIPPED, read_vocabulary
from lightningmodules.clip_seg import OpenVocabulary
from lightningmodules.losses.counterfactual import CosineContrast
from lightningmodules.losses.open_vocabulary import MaskMatching
from networks.clip_model import clip_model, small_clip
from networks.clip_seg import ClipSeg


def main() -> None:
    """Print the table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--true-size", action="store_true", help="ViT-B/16 at 512 px, batch 4")
    parser.add_argument("--repeats", type=int, default=9)
    given = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    size, count = (512, 4) if given.true_size else (128, 4)
    names = read_vocabulary(SHIPPED / "lvis.txt").names
    batch, net = _batch(size, count, device, names), _net(true_size=given.true_size).to(device)
    steps = {}
    with TemporaryDirectory() as folder:
        for number in (100, len(names)):
            model = _model(net, names[:number], Path(folder)).to(device)
            model.losses(batch, 0)  # encodes the names, once a run
            steps[f"{number} names"] = partial(_step, model, batch)
    times = interleaved(steps, device=device, repeats=given.repeats)
    middle = {name: median(values) for name, values in times.items()}
    for name, values in times.items():
        work = work_of(steps[name])
        print(
            f"{name:>12}: {spread([1000 * x for x in values], '.1f')} ms, "
            f"{work.operations} operations, {work.gigaflops:.3f} GFLOP"
        )
    small, large = middle.values()
    print(json.dumps({"device": str(device), "size": size, "batch": count, "ratio": large / small}))


def _net(*, true_size: bool) -> ClipSeg:
    torch.manual_seed(0)
    clip = clip_model("ViT-B-16-quickgelu") if true_size else small_clip()
    return ClipSeg(clip, templates=("{}",))


def _model(net: ClipSeg, names: tuple[str, ...], folder: Path) -> OpenVocabulary:
    vocabulary = folder / f"{len(names)}.txt"
    vocabulary.write_text("\n".join(names))
    return OpenVocabulary(
        net,
        MaskMatching(),
        lambda parameters: AdamW(parameters, lr=2e-5),
        vocabulary=vocabulary,
        contrast={"cosine": CosineContrast()},
    )


def _batch(size: int, count: int, device: torch.device, names: tuple[str, ...]) -> Batch:
    random = torch.Generator().manual_seed(0)
    mask = torch.zeros(count, size, size, dtype=torch.long)
    mask[:, : size // 2, : size // 2] = 1
    mask[:, size // 2 :, : size // 3] = 2
    return Batch(
        id=[f"sample{k}" for k in range(count)],
        image=torch.rand(count, 3, size, size, generator=random).to(device),
        mask=mask.to(device),
        weight=torch.ones(count, 1, size, size, device=device),
        mask_kind=MaskKind.LABELS,
        class_names=[("background", names[3 * k], names[3 * k + 1]) for k in range(count)],
        prompt=[""] * count,
        size=[(size, size)] * count,
        counterfactual=torch.rand(count, 3, size, size, generator=random).to(device),
        has_counterfactual=torch.ones(count, dtype=torch.bool, device=device),
        truth=[None] * count,
        truth_weight=[None] * count,
    )


def _step(model: OpenVocabulary, batch: Batch) -> None:
    model.zero_grad()
    torch.stack(list(model.losses(batch, 0).values())).sum().backward()


if __name__ == "__main__":
    main()
