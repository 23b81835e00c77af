"""How far an image and its counterfactual differ outside the object, by how the second is made.

Run from a clone: ``python -m benchmarks.counterfactual_alignment``. Minutes of one CPU core.

The small model that ships (``generation/weights/tiny_image``, 64 px) paints descriptions of its
eight classes. All ways begin with the same images: prompt swap in a shared scene, removal of the
labelled object, and MagicSeg's own way, the word replaced and the noise unrelated. ``neighbour`` is
no way: each image against the one before, as far as two scenes lie apart.

Without its ControlNets this model paints surfaces and colours, and hardly an object that could be
named. So the rows say what each way does to the rest of an image, not whether an object is gone.

The model has no labeler, so the object is where the image reads its class most (cross-attention
over all steps), as large as objects are in the scenes that the model has learned from; the same for
all ways. ``alignment`` is that of
`generation.filters.alignment.Alignment`, ``inside`` the same within the object: a way that changes
nothing would be aligned best.
"""

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks.ablation_rows import Row, append_row
from callbacks import run_facts
from datamodules.generation_result import Rejected
from datamodules.sample import MaskKind, Provenance, Sample
from datamodules.seeds import seed_for
from generation.diffusion.pair_sampling import PairSampler, SharedScene, UnrelatedNoise, sampled
from generation.diffusion.sampling import Sampling
from generation.diffusion.word_maps import WordMaps, recorded, word_tokens
from generation.filters.alignment import Alignment
from generation.objects import CLASSES
from generation.painters.batch_painter import BatchPainter
from generation.painters.counterfactual_painter import CounterfactualPainter, as_bytes, scene_of
from generation.painters.removal_painter import RemovalPainter
from generation.procedural import ProceduralScenes
from generation.prompts.descriptions import mentions_of
from generation.prompts.templates import VARIED, TemplatePrompts

OUT = Path(__file__).parent / "results" / "counterfactual_alignment.jsonl"
MODEL = "generation/weights/tiny_image"
_SIDE, _BATCH = 64, 16
_LIMIT = 6.0  # what the filter asks for


def drafts_of(number: int) -> list[Sample]:
    """Return descriptions as the model was trained on, classes in turn."""
    prompts, names = TemplatePrompts(VARIED), list(CLASSES)
    return [
        Sample(
            id=f"{names[k % len(names)]}~{k}",
            image=torch.zeros(3, _SIDE, _SIDE, dtype=torch.uint8),
            mask=torch.zeros(_SIDE, _SIDE, dtype=torch.uint8),
            mask_kind=MaskKind.LABELS,
            class_names=("background", names[k % len(names)]),
            prompt=prompts(names[k % len(names)], k),
            provenance=Provenance(source="names"),
        )
        for k in range(number)
    ]


def object_share(number: int = 64) -> float:
    """Return the share of an image that is object in scenes like those of the training."""
    scenes = ProceduralScenes(size=2 * _SIDE)
    masks = [scenes.sample(scenes.spec("train", k)).mask for k in range(number)]
    return float(np.mean([(mask > 127).float().mean() for mask in masks]))


def labelled(
    painter: CounterfactualPainter, drafts: Sequence[Sample], share: float
) -> list[Sample]:
    """Return the painted images alone; what reads their class most is labelled, as `share`."""
    scenes = [scene_of(draft, seed_for(0, draft.id)) for draft in drafts]
    net, count = painter.net, len(scenes)
    words = torch.zeros(count, int(net.pipeline.tokenizer.model_max_length))
    for row, scene in enumerate(scenes):
        spans = [(m.start, m.stop) for m in mentions_of(scene.text, scene.class_names)]
        words[row, word_tokens(net.pipeline.tokenizer, scene.text, spans)] = 1
    maps = WordMaps(slice(count, 2 * count), words, (_SIDE // net.shrink, _SIDE // net.shrink))
    with torch.no_grad(), recorded(net.denoiser.unet, maps):
        images = sampled(net, scenes, painter.way)
    read = torch.nn.functional.interpolate(maps.total, (_SIDE, _SIDE), mode="bilinear")[:, 0]
    limits = read.flatten(1).quantile(1 - share, dim=1)
    masks = (read > limits[:, None, None]).to(torch.uint8)
    return [
        replace(draft, image=as_bytes(image), mask=mask)
        for draft, image, mask in zip(drafts, images, masks, strict=True)
    ]


def with_others(painter: BatchPainter, pairs: Sequence[Sample]) -> list[Sample]:
    """Return labelled images with the counterfactuals of a way.

    Raises:
        ValueError: If it painted other images, or rejected one.
    """
    done = []
    painted = painter.paint(pairs, [seed_for(0, pair.id) for pair in pairs])
    for pair, made in zip(pairs, painted, strict=True):
        if isinstance(made, Rejected) or made.counterfactual is None:
            raise ValueError(f"{pair.id} has no counterfactual")
        # kernels see another batch: the last bit of a byte may differ
        if int((made.image.int() - pair.image.int()).abs().max()) > 1:
            raise ValueError(f"{pair.id} has another image than without a counterfactual")
        done.append(replace(pair, image=made.image, counterfactual=made.counterfactual))
    return done


def measured(pairs: Sequence[Sample]) -> dict[str, float | int]:
    """Return what alignment is over pairs, in grey levels of 255."""
    judge = Alignment(255.0)
    outside = np.array([judge.judge(pair).scores["alignment"] for pair in pairs])
    inside = [float(_difference(pair)[:, pair.mask > 0].mean()) for pair in pairs]
    return {
        "pairs": len(pairs),
        "alignment": round(float(outside.mean()), 2),
        "sd": round(float(outside.std(ddof=1)), 2),
        "share_at_most_6": round(float((outside <= _LIMIT).mean()), 3),
        "inside": round(float(np.mean(inside)), 2),
        "object_share": round(float(np.mean([(p.mask > 0).float().mean() for p in pairs])), 3),
    }


def main() -> None:
    """Measure all ways and add their rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--number", type=int, default=32, help="pairs of each way")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--guidance", type=float, default=7.5)
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    sampling = Sampling(steps=options.steps, guidance=options.guidance)

    def painter(how: PairSampler | None) -> CounterfactualPainter:
        return CounterfactualPainter(model=MODEL, counterfactual=how, size=_SIDE, sampling=sampling)

    ways: dict[str, BatchPainter] = {
        "prompt swap, shared scene": painter(SharedScene()),
        "removal": RemovalPainter(model=MODEL, sampling=sampling),
        "unrelated noise": painter(UnrelatedNoise()),
    }
    plain, found = painter(None), {way: list[Sample]() for way in ways}
    drafts, seconds, share = drafts_of(options.number), dict.fromkeys(ways, 0.0), object_share()
    for start in range(0, len(drafts), _BATCH):
        pairs = labelled(plain, drafts[start : start + _BATCH], share)
        for way, each in ways.items():
            begun = time.process_time()
            found[way] += with_others(each, pairs)
            seconds[way] += time.process_time() - begun
    images = found["removal"]
    found["neighbour"] = [
        replace(pair, counterfactual=images[k - 1].image) for k, pair in enumerate(images)
    ]
    for way, pairs in found.items():
        row: Row = {
            "way": way,
            **measured(pairs),
            "steps": options.steps,
            "guidance": options.guidance,
            "model": MODEL,
            "processor_seconds": round(seconds.get(way, 0.0), 1),
            "command": run_facts.command(),
            "commit": run_facts.commit(),
            "date": f"{datetime.now(UTC):%Y-%m-%d}",
            "hardware": run_facts.hardware(torch.device("cpu"), 1),
        }
        print(json.dumps(row))
        append_row(options.out, row)


def _difference(pair: Sample) -> Tensor:
    assert pair.counterfactual is not None
    return (pair.image.int() - pair.counterfactual.int()).abs().float()


if __name__ == "__main__":
    main()
