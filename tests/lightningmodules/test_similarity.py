"""Features of two sets go into each distance."""

from pathlib import Path

import pytest
import torch
from lightning.pytorch import Trainer
from torch import nn

from datamodules.two_folders import SetBatch, TwoFolders
from lightningmodules.similarity import SetSimilarity
from metrics.cmmd import CMMD
from metrics.kid import KID, kid
from networks.features import FeatureExtractor, weights_hash
from networks.random_pyramid import RandomPyramid

PIXELS = torch.rand(9, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def module() -> SetSimilarity:
    distances = {"kid": KID(num_draws=3), "cmmd": CMMD(num_draws=3)}
    return SetSimilarity(FeatureExtractor(RandomPyramid(), 32), distances)


def batch(first: int, last: int, *, is_real: bool) -> SetBatch:
    num = last - first
    return SetBatch(
        id=[f"{place}" for place in range(first, last)],
        pixels=PIXELS[first:last],
        places=torch.arange(first, last),
        is_real=torch.full((num,), is_real),
    )


def test_distances_are_those_of_the_features() -> None:
    similarity = module()
    similarity.test_step(batch(0, 3, is_real=True), 0)
    similarity.test_step(batch(3, 5, is_real=True), 1)
    similarity.test_step(batch(5, 9, is_real=False), 2)
    metric = similarity.distances["kid"]
    assert isinstance(metric, KID)
    features = FeatureExtractor(RandomPyramid(), 32)(PIXELS)
    torch.testing.assert_close(
        float(metric.compute().value), kid(features[:5], features[5:]), rtol=1e-4, atol=1e-7
    )


def test_size_name_and_hash_are_those_of_the_extractor() -> None:
    similarity = module()
    assert similarity.input_size == (32, 32)
    assert similarity.extractor == "RandomPyramid, 32 px"
    assert similarity.extractor_hash == weights_hash(similarity.features)


def test_it_learns_nothing() -> None:
    similarity: nn.Module = module()
    assert not any(parameter.requires_grad for parameter in similarity.parameters())


def test_too_few_images_are_refused_before_one_is_opened(tmp_path: Path) -> None:
    for name, num in (("real", 3), ("generated", 2)):
        (tmp_path / name).mkdir()
        for number in range(num):
            (tmp_path / name / f"{number}.png").write_bytes(b"no image")
    trainer = Trainer(
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=False,
    )
    with pytest.raises(ValueError, match="3 real and 2 generated images are too few"):
        trainer.test(module(), TwoFolders(tmp_path / "real", tmp_path / "generated"))
