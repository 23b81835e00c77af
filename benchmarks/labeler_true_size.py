"""Run each part of the labeler at a published size on one image: does it fit, is it finite.

Run from a clone: ``python -m benchmarks.labeler_true_size PART``, with PART one of grounding_dino
(Swin-T), sam, sam_hq (both ViT-B), sam2 (Hiera-T), sam3 and whole: the labeler of
``configs/generation/magicseg.yaml``, Grounding DINO (Swin-B) and SAM (ViT-H) to a label map. Its
thresholds are the 90th and the 80th of 100 box scores, as random scores have no scale. Weights are
random, of the sizes that
transformers has as its defaults, which are those of ``IDEA-Research/grounding-dino-tiny``,
``facebook/sam-vit-base``, ``syscv-community/sam-hq-vit-base``, ``facebook/sam2.1-hiera-tiny`` and
``facebook/sam3``, or of ``IDEA-Research/grounding-dino-base`` and ``facebook/sam-vit-huge``;
another process writes them to a folder in the hub's layout. ``peak_gib`` is the
largest resident memory of the process that labels.
"""

import argparse
import json
import multiprocessing
import resource
import string
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from benchmarks.random_models import letters_tokenizer
from callbacks import run_facts
from datamodules.seeds import generator_for

OUT = Path(__file__).parent / "results" / "labeler_true_size.jsonl"
PARTS = ("grounding_dino", "sam", "sam_hq", "sam2", "sam3", "whole")
NAMES = ["melon", "zucchini", "garden chair"]


def write(part: str, folder: Path) -> None:
    """Write a part with random weights."""
    import transformers
    from transformers.models.sam2.image_processing_sam2 import Sam2ImageProcessor
    from transformers.models.sam3.image_processing_sam3 import Sam3ImageProcessor

    torch.manual_seed(0)
    if part == "grounding_dino":
        config = transformers.GroundingDinoConfig()
        _write(transformers.GroundingDinoForObjectDetection(config), folder)
        transformers.GroundingDinoImageProcessor().save_pretrained(folder)
        _write_word_pieces(folder)
    elif part == "whole":
        _write_whole(folder)
    elif part == "sam3":
        _write(transformers.Sam3Model(transformers.Sam3Config()), folder)
        Sam3ImageProcessor().save_pretrained(folder)
        letters_tokenizer(folder / "words").save_pretrained(folder)
    elif part == "sam2":
        _write(transformers.Sam2Model(transformers.Sam2Config()), folder)
        Sam2ImageProcessor().save_pretrained(folder)
    else:
        kinds = {
            "sam": (transformers.SamModel, transformers.SamConfig),
            "sam_hq": (transformers.SamHQModel, transformers.SamHQConfig),
        }
        kind, config_of = kinds[part]
        _write(kind(config_of()), folder)
        transformers.SamImageProcessor().save_pretrained(folder)


def labelled(part: str, folder: Path) -> tuple[Tensor, dict[str, int]]:
    """Run a part on one image; return what must be finite, and what there is of it."""
    from generation.labelers.grounding_dino import GroundingDino
    from generation.labelers.sam import SegmentAnything
    from generation.labelers.sam3 import Sam3Labeler

    image = torch.randint(0, 256, (3, 768, 1024), generator=generator_for(0, part)).to(torch.uint8)
    if part == "grounding_dino":
        (found,) = GroundingDino(str(folder)).detect([image], [NAMES])
        return found.best, {"boxes": len(found.boxes)}
    if part == "whole":
        return _whole(image, folder)
    if part == "sam3":
        labeler = Sam3Labeler(str(folder), threshold=0.05, doubt_threshold=0.02)
        (labels,) = labeler.label([image], [NAMES])
        return labels.detections.best, {"boxes": len(labels.detections.boxes)}
    corner = torch.arange(20.0)[:, None] * torch.tensor([30.0, 20.0])
    boxes = torch.cat([corner, corner + 300], 1)
    (masks,) = SegmentAnything(str(folder)).masks([image], [boxes])
    return masks, {"boxes": len(boxes)}


def main() -> None:
    """Run one part, print its row and keep it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        writer = multiprocessing.get_context("spawn").Process(
            target=write, args=(options.part, Path(name))
        )
        writer.start()
        writer.join()
        if writer.exitcode:
            raise SystemExit(f"the weights of {options.part} could not be written to {name}")
        begun = time.perf_counter(), time.process_time()
        result, numbers = labelled(options.part, Path(name))
        passed = time.perf_counter() - begun[0], time.process_time() - begun[1]
    assert result.isfinite().all()
    row = {
        "part": options.part,
        **numbers,
        "std": float(f"{float(result.std()):.3g}"),
        "peak_gib": round(_peak(resource.RUSAGE_SELF), 2),
        "writing_peak_gib": round(_peak(resource.RUSAGE_CHILDREN), 2),
        "seconds": round(passed[0], 1),
        "processor_seconds": round(passed[1], 1),
        "threads": torch.get_num_threads(),
        "command": run_facts.command(),
        "commit": run_facts.commit(),
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "hardware": run_facts.hardware(torch.device("cpu"), 1),
    }
    print(json.dumps(row))
    with options.out.open("a") as file:
        file.write(f"{json.dumps(row)}\n")


def _whole(image: Tensor, folder: Path) -> tuple[Tensor, dict[str, int]]:
    """Label with the whole labeler; return label map and weight, and what there is of them."""
    from generation.labelers.grounded import GroundedSegmenter
    from generation.labelers.grounding_dino import GroundingDino
    from generation.labelers.sam import SegmentAnything

    low = 1e-6  # all boxes are kept, to see which scores there are
    detector = GroundingDino(str(folder / "dino"), box_threshold=low, text_threshold=low)
    (scored,) = detector.detect([image], [NAMES])
    scores = scored.scores.sort().values
    detector.threshold = float(scores[int(0.9 * len(scores))])
    detector.text_threshold = float(scores[int(0.8 * len(scores))])
    labeler = GroundedSegmenter(detector, SegmentAnything(str(folder / "sam")))
    (labels,) = labeler.label([image], [NAMES])
    numbers = {
        "boxes": len(labels.detections.boxes),
        "classes_drawn": len(set(labels.mask.unique().tolist()) - {0}),
        "pixels_labelled": int((labels.mask > 0).sum()),
        "pixels_in_doubt": int((labels.weight < 255).sum()),
    }
    return torch.stack([labels.mask, labels.weight]).float(), numbers


def _write_whole(folder: Path) -> None:
    """Write Grounding DINO with Swin-B and SAM with ViT-H, sized as the hub's configurations."""
    import transformers

    swin = transformers.SwinConfig(
        image_size=384,
        window_size=12,
        embed_dim=128,
        depths=[2, 2, 18, 2],
        num_heads=[4, 8, 16, 32],
        out_indices=[2, 3, 4],
    )
    dino = transformers.GroundingDinoConfig(backbone_config=swin)
    _write(transformers.GroundingDinoForObjectDetection(dino), folder / "dino")
    transformers.GroundingDinoImageProcessor().save_pretrained(folder / "dino")
    _write_word_pieces(folder / "dino")
    vit = transformers.SamVisionConfig(
        hidden_size=1280,
        num_hidden_layers=32,
        num_attention_heads=16,
        global_attn_indexes=[7, 15, 23, 31],
        mlp_dim=5120,
    )
    _write(transformers.SamModel(transformers.SamConfig(vision_config=vit)), folder / "sam")
    transformers.SamImageProcessor().save_pretrained(folder / "sam")


def _write(net: PreTrainedModel, folder: Path) -> None:
    for weight in net.parameters():
        if weight.ndim > 1:  # of the scale of its inputs: as it begins, results hardly differ
            nn.init.normal_(weight, std=weight[0].numel() ** -0.5)
    net.eval().save_pretrained(folder)


def _write_word_pieces(folder: Path) -> None:
    """Write a tokenizer of BERT's numbers for what separates phrases, and of letters."""
    from transformers import BertTokenizer

    fixed = {0: "[PAD]", 100: "[UNK]", 101: "[CLS]", 102: "[SEP]", 1012: ".", 1029: "?"}
    letters = iter([*string.ascii_lowercase, *(f"##{each}" for each in string.ascii_lowercase)])
    lines = [fixed.get(k) or next(letters, f"[unused{k}]") for k in range(1100)]
    path = folder / "vocab.txt"
    path.write_text("\n".join(lines))
    BertTokenizer(str(path)).save_pretrained(folder)


def _peak(who: int) -> float:
    return resource.getrusage(who).ru_maxrss / 2**20


if __name__ == "__main__":
    main()
