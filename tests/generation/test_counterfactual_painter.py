from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers import StableDiffusionPipeline, UNet2DConditionModel
from torch import Tensor

from datamodules.generation_result import Rejected
from datamodules.sample import MaskKind, Provenance, Sample
from generation.diffusion.noise_levels import noise_levels
from generation.diffusion.pair_sampling import SharedScene, UnrelatedNoise, blended
from generation.diffusion.sampling import Sampling
from generation.diffusion.scene_attention import scene_attention
from generation.diffusion.word_maps import WordMaps, recorded, word_tokens
from generation.painters.counterfactual_painter import CounterfactualPainter
from generation.painters.removal_painter import RemovalPainter
from tests.generation.tiny_pipelines import save_sd15, save_sdxl

STEPS = Sampling(steps=3, guidance=2.0)
SIDE = 32


@pytest.fixture(scope="module")
def sd15(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_sd15(tmp_path_factory.mktemp("sd15"))


def draft(number: int = 0, text: str = "a cat on a roof", *names: str) -> Sample:
    return Sample(
        id=f"cat~{number}",
        image=torch.zeros(3, SIDE, SIDE, dtype=torch.uint8),
        mask=torch.zeros(SIDE, SIDE, dtype=torch.uint8),
        mask_kind=MaskKind.LABELS,
        class_names=("background", *(names or ("cat",))),
        provenance=Provenance(source="names", licence="Apache-2.0", models=("writer",)),
        prompt=text,
    )


def painter(model: Path, how: SharedScene | UnrelatedNoise | None) -> CounterfactualPainter:
    return CounterfactualPainter(
        model=str(model), counterfactual=how, size=SIDE, sampling=STEPS, licence="MIT"
    )


def difference(sample: Sample) -> Tensor:
    assert sample.counterfactual is not None
    return (sample.image.int() - sample.counterfactual.int()).abs().amax(0)


def test_shared_scene_differs_inside_a_region_alone(sd15: Path) -> None:
    shared = SharedScene(start=0.3, threshold=0.9, margin=0)
    (pair,) = painter(sd15, shared).paint([draft()], [5])
    changed = difference(pair) > 0
    assert changed.any()
    assert not changed.all()
    assert changed.float().mean() < 0.7


@pytest.mark.slow
def test_unrelated_noise_differs_everywhere_and_shares_the_image(sd15: Path) -> None:
    (pair,) = painter(sd15, UnrelatedNoise()).paint([draft()], [5])
    (alone,) = painter(sd15, None).paint([draft()], [5])
    (shared,) = painter(sd15, SharedScene()).paint([draft()], [5])
    assert (difference(pair) > 0).float().mean() > 0.9
    assert alone.counterfactual is None
    # the counterfactual beside it leaves the image as it is painted alone
    for other in (pair, shared):
        assert (other.image.int() - alone.image.int()).abs().max() <= 1


@pytest.mark.slow
def test_pairs_of_a_batch_are_those_painted_one_by_one(sd15: Path) -> None:
    own = painter(sd15, SharedScene())
    drafts = [draft(0), draft(1, "two hats beside a dog", "hat", "dog")]
    together = own.paint(drafts, [1, 2])
    for one, seed, both in zip(drafts, (1, 2), together, strict=True):
        (apart,) = own.paint([one], [seed])
        for plane in ("image", "counterfactual"):
            a, b = getattr(apart, plane).int(), getattr(both, plane).int()
            assert ((a - b).abs() > 1).float().mean() < 0.01


def test_pair_says_what_made_it(sd15: Path) -> None:
    (pair,) = painter(sd15, SharedScene()).paint([draft()], [5])
    assert pair.id == "cat~0"
    assert pair.class_names == ("background", "cat")
    assert pair.provenance.licence == "Apache-2.0 AND MIT"
    assert pair.provenance.models[0] == "writer"
    assert "sd15@sha256" in pair.provenance.models[1]
    assert "SharedScene(start=0.2" in pair.provenance.edits[0]


def test_sdxl_paints_pairs_too(tmp_path: Path) -> None:
    (pair,) = painter(save_sdxl(tmp_path), SharedScene()).paint([draft()], [5])
    assert pair.image.shape == (3, SIDE, SIDE)
    assert (difference(pair) == 0).any()


def test_processors_of_the_model_are_its_own_again_after_painting(sd15: Path) -> None:
    own = painter(sd15, SharedScene())
    unet = own.net.pipeline.unet
    before = dict(unet.attn_processors)
    own.paint([draft()], [5])
    assert unet.attn_processors == before


def test_draft_without_a_description_or_with_another_is_refused(sd15: Path) -> None:
    own = painter(sd15, SharedScene())
    with pytest.raises(ValueError, match="has no description"):
        own.paint([replace(draft(), prompt="")], [5])
    with pytest.raises(ValueError, match="does not mention 'cat'"):
        own.paint([draft(text="a roof")], [5])


@pytest.mark.parametrize("how", [SharedScene(), UnrelatedNoise(), None])
def test_class_behind_what_the_text_encoder_reads_is_rejected(
    how: SharedScene | UnrelatedNoise | None, sd15: Path
) -> None:
    texts = [f"{'a ' * 80}cat", "a cat", f"a cat, {'a ' * 80}and a cat"]
    drafts = [draft(number, text) for number, text in enumerate(texts)]
    cut, *others = painter(sd15, how).paint(drafts, [1, 2, 3])
    reason = "cat behind the 75 tokens that the text encoder reads"
    assert cut == Rejected("cat~0", "CounterfactualPainter", reason)
    assert [each.id for each in others if isinstance(each, Sample)] == ["cat~1", "cat~2"]


def test_batch_of_which_every_class_is_cut_is_all_rejections(sd15: Path) -> None:
    drafts = [draft(number, f"{'a ' * 80}cat") for number in range(2)]
    found = painter(sd15, SharedScene()).paint(drafts, [1, 2])
    assert [(each.id, type(each)) for each in found] == [("cat~0", Rejected), ("cat~1", Rejected)]


def test_size_that_does_not_fit_is_refused(sd15: Path) -> None:
    with pytest.raises(ValueError, match="multiple of 4"):
        CounterfactualPainter(model=str(sd15), counterfactual=None, size=30)


def test_tokens_of_words_are_found_by_their_place_in_the_text(sd15: Path) -> None:
    tokenizer = StableDiffusionPipeline.from_pretrained(sd15).tokenizer
    text = "a cat on cats"
    ids = tokenizer(text).input_ids
    found = word_tokens(tokenizer, text, [(2, 5)])
    assert tokenizer.decode([ids[k] for k in found]).strip() == "cat"
    assert found[0] == 2


def test_maps_sum_softmax_attention_to_the_words(sd15: Path) -> None:
    unet = UNet2DConditionModel.from_pretrained(sd15, subfolder="unet").eval()
    words = torch.zeros(1, 7)
    maps = WordMaps(slice(1, 2), torch.ones(1, 7), (16, 16))
    none = WordMaps(slice(1, 2), words, (16, 16))
    torch.manual_seed(0)
    latents, tokens = torch.randn(2, 4, 16, 16), torch.randn(2, 7, 32)
    with torch.no_grad():
        plain = unet(latents, 3, tokens).sample
        with recorded(unet, maps):
            assert torch.equal(unet(latents, 3, tokens).sample, plain)
        with recorded(unet, none):
            unet(latents, 3, tokens)
    layers = sum(getattr(m, "is_cross_attention", None) is True for m in unet.modules())
    assert torch.allclose(maps.total, torch.full((1, 1, 16, 16), float(layers)), atol=1e-4)
    assert not none.total.any()


def test_region_is_where_attention_is_strong_and_a_margin_around() -> None:
    maps = WordMaps(slice(0, 1), torch.ones(1, 1), (5, 5))
    maps.total[0, 0, 2, 2] = 4
    maps.total[0, 0, 0, 0] = 1
    assert maps.region(0.5, margin=0).sum() == 1
    assert maps.region(0.5, margin=1).sum() == 9
    assert maps.region(0.2, margin=0).sum() == 2


def test_scene_attention_reads_another_row_without_its_hidden_places(sd15: Path) -> None:
    unet = UNet2DConditionModel.from_pretrained(sd15, subfolder="unet").eval()
    layer = next(m for m in unet.modules() if getattr(m, "is_cross_attention", None) is False)
    torch.manual_seed(1)
    states = torch.randn(2, 16, layer.to_q.in_features)
    hidden = torch.zeros(2, 1, 4, 4, dtype=torch.bool)
    hidden[1, 0, :2] = True
    with scene_attention(unet) as reading, torch.no_grad():
        plain = layer(states)
        reading.rows, reading.hidden = torch.tensor([0, 0]), hidden
        found = layer(states)
        seen = states[:1, 8:]
        q, k, v = layer.to_q(states[1:]), layer.to_k(seen), layer.to_v(seen)
        heads = [x.view(1, -1, layer.heads, q.shape[-1] // layer.heads) for x in (q, k, v)]
        scores = torch.einsum("bqhc,bkhc->bhqk", heads[0], heads[1]) * layer.scale
        mixed = torch.einsum("bhqk,bkhc->bqhc", scores.softmax(-1), heads[2]).flatten(2)
        expected = layer.to_out[0](mixed)
    assert torch.allclose(found[0], plain[0], atol=1e-5)
    assert torch.allclose(found[1:], expected, atol=1e-5)


def test_blend_keeps_the_image_outside_and_the_other_inside() -> None:
    images, others = torch.zeros(1, 3, 8, 8), torch.ones(1, 3, 8, 8)
    region = torch.tensor([[[[1.0, 0.0]]]]).expand(1, 1, 2, 2)
    found = blended(images, others, region)
    assert found[0, 0, 0, 0] == 1
    assert found[0, 0, 0, -1] == 0


def test_levels_are_those_that_the_scheduler_adds_noise_by(sd15: Path) -> None:
    scheduler = StableDiffusionPipeline.from_pretrained(sd15).scheduler
    levels = noise_levels(scheduler, steps=4)
    scheduler.set_timesteps(4)
    cumulated = scheduler.alphas_cumprod[scheduler.timesteps]
    assert torch.allclose(levels[:-1, 0] ** 2, cumulated, atol=1e-5)
    assert torch.allclose(levels[:-1].square().sum(1), torch.ones(len(cumulated)), atol=1e-5)
    assert levels[-1].tolist() == [1.0, 0.0]


def labelled(side: int = SIDE) -> Sample:
    mask = torch.zeros(side, side, dtype=torch.uint8)
    mask[10:16, 10:18] = 1
    random = torch.Generator().manual_seed(0)
    image = torch.randint(0, 256, (3, side, side), dtype=torch.uint8, generator=random)
    return replace(draft(), image=image, mask=mask)


def removal(model: Path, margin: float = 0.06) -> RemovalPainter:
    return RemovalPainter(model=str(model), margin=margin, sampling=STEPS, licence="MIT")


def test_removal_changes_nothing_outside_the_widened_mask(sd15: Path) -> None:
    (pair,) = removal(sd15).paint([labelled()], [3])
    changed = difference(pair) > 0
    assert changed[10:16, 10:18].float().mean() > 0.9
    outside = torch.ones(SIDE, SIDE, dtype=torch.bool)
    outside[8:18, 8:20] = False
    assert not changed[outside].any()
    assert torch.equal(pair.image, labelled().image)
    assert "removed(margin=0.06" in pair.provenance.edits[0]


@pytest.mark.slow
def test_inpainting_model_is_shown_mask_and_surroundings(sd15: Path, tmp_path: Path) -> None:
    pipeline = StableDiffusionPipeline.from_pretrained(sd15)
    config = {**pipeline.unet.config, "in_channels": 9}
    torch.manual_seed(2)
    pipeline.unet = UNet2DConditionModel.from_config(config)
    pipeline.save_pretrained(tmp_path / "inpainting")
    (pair,) = removal(tmp_path / "inpainting").paint([labelled()], [3])
    (other,) = removal(sd15).paint([labelled()], [3])
    assert not torch.equal(pair.counterfactual, other.counterfactual)  # type: ignore[arg-type]
    assert (difference(pair) == 0).any()


def test_removal_of_nothing_and_of_a_size_that_does_not_fit_is_refused(sd15: Path) -> None:
    own = removal(sd15)
    with pytest.raises(ValueError, match="no labelled object"):
        own.paint([draft()], [3])
    with pytest.raises(ValueError, match="multiples of 4"):
        own.paint([labelled(30)], [3])
