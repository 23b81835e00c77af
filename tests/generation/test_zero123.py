import json
import math
from pathlib import Path

import diffusers
import pytest
import torch
from torch import Tensor, nn
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from datamodules.generation_result import Rejected
from datamodules.sample import MaskKind, Provenance, Sample
from generation.diffusion.loading import ModelNotFound
from generation.diffusion.zero123_files import load_zero123, save_zero123
from generation.edits.batch_edit import with_mask
from generation.edits.square_view import cut, pasted, square_around
from generation.edits.zero123 import Move, Zero123View
from networks.zero123 import CCProjection, CLIPCameraProjection, Zero123Net, camera_vector
from tests.generation.tiny_latent_models import SD_NOISE, tiny_unet, tiny_vae


def write(folder: Path, projection: nn.Module) -> Path:
    torch.manual_seed(0)
    encoder = CLIPVisionModelWithProjection(
        CLIPVisionConfig(
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            image_size=28,
            patch_size=14,
            projection_dim=32,
        )
    )
    unet = tiny_unet(in_channels=8, out_channels=4)
    net = Zero123Net(unet, tiny_vae(), image_encoder=encoder, camera_projection=projection)
    save_zero123(net, diffusers.DDIMScheduler(**SD_NOISE, clip_sample=False), folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("models") / "tiny-zero123", CCProjection(36, 32))


@pytest.fixture(scope="module")
def view(folder: Path) -> Zero123View:
    return Zero123View(str(folder), num_steps=2, licence="MIT")


def draft(size: tuple[int, int] = (60, 45)) -> Sample:
    mask = torch.zeros(size, dtype=torch.uint8)
    mask[20:50, 5:25] = 255
    return Sample(
        id="chair",
        image=mask.expand(3, -1, -1).clone(),
        mask=mask,
        mask_kind=MaskKind.ALPHA,
        class_names=("Chair",),
        provenance=Provenance(source="dis5k"),
    )


def soft_masks(num: int) -> Tensor:
    masks = torch.zeros(num, 1, 32, 32)
    for number in range(num):
        masks[number, :, 5 : 25 - number, 8:20] = 1
    return masks


def test_camera_is_described_as_published() -> None:
    polar, azimuth, radius = [10.0, -35.0], [90.0, -120.0], [0.0, 0.25]
    found = camera_vector(torch.tensor(polar), torch.tensor(azimuth), torch.tensor(radius))
    expected = [
        [p * math.pi / 180, math.sin(a * math.pi / 180), math.cos(a * math.pi / 180), r]
        for p, a, r in zip(polar, azimuth, radius, strict=True)
    ]
    torch.testing.assert_close(found, torch.tensor(expected))


def test_view_is_sampled_as_published(view: Zero123View) -> None:
    # the authors' loop, by the scheduler of diffusers: white ground, eight channels, image latents
    # after the noise and not scaled, zeros for both conditions of the unguided half
    net, move, mask = view.net, Move(12.0, -40.0, 0.1), soft_masks(1)
    camera = [math.radians(12), math.sin(math.radians(-40)), math.cos(math.radians(-40)), 0.1]
    scheduler = diffusers.DDIMScheduler(**SD_NOISE, clip_sample=False)
    scheduler.set_timesteps(2)
    from generation.diffusion.noise import generators_for

    generator = generators_for([7], "zero123")[0]
    with torch.no_grad():
        image = 2 * (1 - mask).repeat(1, 3, 1, 1) - 1
        assert float(image.max()) == 1  # the ground
        seen = net.vae.encode(image).latent_dist.mode()
        small = torch.nn.functional.interpolate(
            image, size=(28, 28), mode="bicubic", align_corners=True
        )
        mean = torch.tensor([0.48145466, 0.4578275, 0.40821073]).view(1, 3, 1, 1)
        std = torch.tensor([0.26862954, 0.26130258, 0.27577711]).view(1, 3, 1, 1)
        clip = net.image_encoder(((small + 1) / 2 - mean) / std).image_embeds
        told = net.camera_projection.projection(torch.cat([clip, torch.tensor([camera])], 1))
        told = torch.cat([torch.zeros(1, 1, 32), told.view(1, 1, 32)])
        x = torch.randn(4, 16, 16, generator=generator)[None]
        for time in scheduler.timesteps:
            images = torch.cat([torch.zeros_like(seen), seen])
            inputs = torch.cat([torch.cat([x, x]), images], dim=1)
            bare, known = net.unet(inputs, time, told).sample.chunk(2)
            fresh = torch.randn(4, 16, 16, generator=generator)[None]
            x = scheduler.step(
                bare + 3.0 * (known - bare), time, x, eta=1.0, variance_noise=fresh
            ).prev_sample
        drawn = (net.vae.decode(x / 0.18215).sample / 2 + 0.5).mean(1, keepdim=True)
        found = view.turned(mask, [move], [7])
    torch.testing.assert_close(found, (1 - drawn).clamp(0, 1), rtol=1e-4, atol=1e-4)


def test_batch_is_what_each_sample_is_alone(view: Zero123View) -> None:
    moves, seeds = [Move(5.0, 20.0, 0.0), Move(-5.0, 50.0, 0.0)], [3, 4]
    with torch.no_grad():
        together = view.turned(soft_masks(2), moves, seeds)
        alone = view.turned(soft_masks(2)[1:], moves[1:], seeds[1:])
    torch.testing.assert_close(together[1:], alone, rtol=1e-5, atol=1e-5)


def test_edit_names_camera_parent_and_model(view: Zero123View) -> None:
    move = view.move(11)
    found = view.edit([draft()], [11])[0]
    assert isinstance(found, Sample)
    assert found.mask.shape == (60, 45)
    assert found.provenance.parents == ("chair",)
    assert found.provenance.licence == ""
    assert f"polar={move.polar:.2f}, azimuth={move.azimuth:.2f}" in found.provenance.edits[0]
    assert found.provenance.models[0].startswith("tiny-zero123@sha256:")
    assert torch.equal(found.mask, view.edit([draft()], [11])[0].mask)


def test_cameras_stay_in_their_ranges_and_differ_by_seed(view: Zero123View) -> None:
    moves = [view.move(seed) for seed in range(50)]
    assert all(-20 <= m.polar <= 20 and -60 <= m.azimuth <= 60 and m.radius == 0 for m in moves)
    assert len(set(moves)) == 50


def test_empty_mask_is_rejected(view: Zero123View) -> None:
    empty = draft()
    empty.mask.zero_()
    expected = [Rejected("chair", "zero123", "the mask to edit is empty")]
    assert view.edit([empty], [0]) == expected


@pytest.mark.parametrize(("value", "what"), [(0, "nothing of"), (255, "nothing but")])
def test_mask_without_object_or_without_ground_is_rejected(value: int, what: str) -> None:
    mask = torch.full((60, 45), value, dtype=torch.uint8)
    found = with_mask(draft(), mask, edit="zero123(1)", version=1, models=(), licence="")
    assert found == Rejected("chair", "zero123", f"{what} the object is left")


@pytest.mark.parametrize("box", [(20, 50, 5, 25), (0, 60, 0, 45), (59, 60, 44, 45), (3, 4, 0, 45)])
def test_square_holds_the_object_in_its_middle_and_goes_back_to_its_place(
    box: tuple[int, int, int, int],
) -> None:
    mask = torch.zeros(60, 45, dtype=torch.uint8)
    mask[box[0] : box[1], box[2] : box[3]] = 255
    square = square_around(mask, 200 / 256)
    part = cut(mask, square, square.side)
    assert part.shape == (1, square.side, square.side)
    rows = part[0].any(1).nonzero().flatten()
    assert abs((int(rows[0]) + int(rows[-1]) + 1) - square.side) <= 1
    back = pasted((part[0] * 255).to(torch.uint8), square, (60, 45))
    assert torch.equal(back, mask)


def test_other_published_layout_is_read(tmp_path: Path, folder: Path) -> None:
    first = load_zero123(str(folder))
    linear = first.net.camera_projection.projection
    other = CLIPCameraProjection(32, 4)
    other.proj.load_state_dict(linear.state_dict())
    first.net.camera_projection = other
    save_zero123(first.net, first.scheduler, tmp_path / "other")
    second = load_zero123(str(tmp_path / "other"))
    assert (tmp_path / "other" / "clip_camera_projection" / "config.json").exists()
    joined = torch.randn(2, 36)
    torch.testing.assert_close(second.net.camera_projection(joined), linear(joined))


def test_projection_of_the_hub_has_no_sizes_in_its_configuration(tmp_path: Path) -> None:
    CCProjection().save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({"_class_name": config["_class_name"]}))
    loaded = CCProjection.from_pretrained(tmp_path)
    assert set(loaded.state_dict()) == {"projection.weight", "projection.bias"}
    assert loaded.projection.weight.shape == (768, 772)


def test_image_encoder_in_16_bits_is_read_in_32(tmp_path: Path, folder: Path) -> None:
    half = load_zero123(str(folder))
    half.net.image_encoder.half()
    save_zero123(half.net, half.scheduler, tmp_path / "half")
    found = load_zero123(str(tmp_path / "half"))
    assert {x.dtype for x in found.net.parameters()} == {torch.float32}
    assert found.name != load_zero123(str(folder)).name


def test_model_that_is_not_there_says_how_to_place_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ModelNotFound, match="hf download nobody/zero123-none"):
        load_zero123("nobody/zero123-none")
    with pytest.raises(ModelNotFound, match=r"no model_index\.json"):
        load_zero123(str(tmp_path))
    (tmp_path / "model_index.json").write_text("{}")
    with pytest.raises(ModelNotFound, match="names neither cc_projection nor"):
        load_zero123(str(tmp_path))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"polar": (10.0, -10.0)}, "polar is"),
        ({"azimuth": (0.0, 181.0)}, "within -180 to 180"),
        ({"guidance": 0.0}, "published: 3"),
        ({"threshold": 1.0}, "threshold is"),
    ],
)
def test_number_out_of_range_is_refused(
    folder: Path, wrong: dict[str, float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Zero123View(str(folder), **wrong)
