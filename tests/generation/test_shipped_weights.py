"""The small models that come with the repository load as a hub's would, and know what is said."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from open_clip import tokenize

from generation.compositions import COLOURS, KINDS, CompositionScenes
from networks.clip_model import clip_model
from networks.clip_seg import ClipSeg

WEIGHTS = Path(__file__).parents[2] / "generation" / "weights"


@pytest.mark.slow
@pytest.mark.parametrize(
    "folder",
    sorted(path.parent for path in WEIGHTS.glob("*/model_index.json")),
    ids=lambda folder: folder.name,
)
def test_loads_in_a_process_that_has_imported_nothing_else(folder: Path) -> None:
    code = (
        "from generation.diffusion.loading import load_pipeline, pipeline_files\n"
        f"pipeline = load_pipeline(pipeline_files({str(folder)!r}))\n"
        "assert type(pipeline.vae).__name__ == 'IdentityVAE'\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.slow
def test_small_clip_tells_colours_and_objects_of_scenes_apart() -> None:
    clip = clip_model(str(WEIGHTS / "tiny_clip")).eval()
    scenes = CompositionScenes(size=64, seed=7)
    specs = [scenes.spec("val", 3 * index) for index in range(32)]
    names = [spec.objects[0].class_name.split() for spec in specs]
    image = torch.stack([scenes.labelled(spec).image for spec in specs]).float() / 255
    net = ClipSeg(clip, num_prompts=0)
    for words, place, least in ((list(COLOURS), 0, 0.9), (list(KINDS), 2, 0.7)):
        tokens = tokenize([f"a {word}" for word in words], clip.context_length)
        with torch.no_grad():
            likeness = net.encode(image).image @ clip.encode_text(tokens, normalize=True).T
        found = [words[int(best)] for best in likeness.argmax(1)]
        right = sum(word == name[place] for word, name in zip(found, names, strict=True))
        assert right / len(names) >= least
