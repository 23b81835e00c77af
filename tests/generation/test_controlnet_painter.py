"""The painter beside the pipelines that diffusers ships, on tiny random models in its layout."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import diffusers
import pytest
import torch
from torch import Tensor
from torch._dynamo.testing import CompileCounter

from datamodules.sample import MaskKind, Provenance, Sample
from generation.diffusion.controls import CannyCondition, Control, MaskCondition
from generation.diffusion.noise import generators_for
from generation.diffusion.sampling import Refinement, Sampling
from generation.painters.controlnet_painter import NEGATIVE_PROMPT, ControlNetPainter
from tests.generation.tiny_pipelines import save_sd3, save_sd15, save_sdxl

STEPS, GUIDANCE, WEIGHTS = 3, 5.0, (0.8, 0.5)
_TRAILING = {"timestep_spacing": "trailing", "clip_sample": False}
SAMPLING = Sampling(steps=STEPS, guidance=GUIDANCE)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    for save in (save_sd15, save_sdxl, save_sd3):
        save(folder)
    return folder


@pytest.fixture(scope="module")
def sd15(models: Path) -> ControlNetPainter:
    return painter(models, "sd15")


def controls(models: Path, base: str) -> list[Control]:
    conditions = (CannyCondition(), MaskCondition())
    if base == "union":
        return [
            Control(model=f"{models}/sdxl-union", condition=c, weight=w, mode=m)
            for c, w, m in zip(conditions, WEIGHTS, (3, 5), strict=True)
        ]
    return [
        Control(model=f"{models}/{base}-{name}", condition=c, weight=w)
        for name, c, w in zip(("canny", "seg"), conditions, WEIGHTS, strict=True)
    ]


def painter(
    models: Path,
    base: str,
    *,
    shown: Sequence[Control] | None = None,
    sampling: Sampling = SAMPLING,
    refinement: Refinement | None = None,
    prompts: Callable[[str, int], str] | None = lambda name, _: f"a photo of {name}",
) -> ControlNetPainter:
    return ControlNetPainter(
        model=str(models / ("sdxl" if base == "union" else base)),
        controls=controls(models, base) if shown is None else shown,
        prompts=prompts,
        size=32,
        sampling=sampling,
        refinement=refinement,
        licence="Apache-2.0",
    )


def draft(id: str = "a", size: tuple[int, int] = (32, 32), seed: int = 3) -> Sample:
    mask = torch.zeros(size, dtype=torch.uint8)
    mask[size[0] // 4 : 3 * size[0] // 4, size[1] // 4 : 2 * size[1] // 3] = 255
    return Sample(
        id=id,
        image=torch.zeros(3, *size, dtype=torch.uint8),
        mask=mask,
        mask_kind=MaskKind.ALPHA,
        class_names=("chair",),
        provenance=Provenance(source="folder", licence="MIT", parents=("p",), edits=("view(10)",)),
        seed=seed,
    )


def painted(net: ControlNetPainter, *drafts: Sample) -> list[Tensor]:
    return [each.image.int() for each in net.paint(drafts, [each.seed for each in drafts])]


def shipped(models: Path, base: str) -> diffusers.DiffusionPipeline:
    """Return the pipeline of diffusers for the same base and ControlNets."""
    folder = models / ("sdxl" if base == "union" else base)
    if base == "union":
        union = diffusers.ControlNetUnionModel.from_pretrained(models / "sdxl-union")
        return diffusers.StableDiffusionXLControlNetUnionPipeline.from_pretrained(
            folder, controlnet=union
        )
    kind = diffusers.SD3ControlNetModel if base == "sd3" else diffusers.ControlNetModel
    nets = [kind.from_pretrained(models / f"{base}-{name}") for name in ("canny", "seg")]
    if base == "sd15":
        return diffusers.StableDiffusionControlNetPipeline.from_pretrained(
            folder, controlnet=nets, safety_checker=None
        )
    if base == "sdxl":
        return diffusers.StableDiffusionXLControlNetPipeline.from_pretrained(
            folder, controlnet=nets
        )
    return diffusers.StableDiffusion3ControlNetPipeline.from_pretrained(
        folder, controlnet=diffusers.SD3MultiControlNetModel(nets), text_encoder_3=None,
        tokenizer_3=None,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    "base", ["sd15", pytest.param("sdxl", marks=pytest.mark.slow), "union", "sd3"]
)
def test_image_is_that_of_the_pipeline_which_diffusers_ships(models: Path, base: str) -> None:
    ours = painter(models, base)
    sample = draft()
    pictures = [each.condition.picture(sample.mask, (32, 32))[None] for each in ours.controls]
    if base == "sd3":  # diffusers scales pictures of PIL to [-1, 1], but no tensors
        pictures = [2 * picture - 1 for picture in pictures]
    pipeline = shipped(models, base)
    pipeline.set_progress_bar_config(disable=True)
    union = base == "union"
    expected = pipeline(
        "a photo of chair",
        negative_prompt=NEGATIVE_PROMPT,
        num_inference_steps=STEPS,
        guidance_scale=GUIDANCE,
        controlnet_conditioning_scale=list(WEIGHTS),
        generator=generators_for([sample.seed], "controlnet"),
        height=32,
        width=32,
        output_type="pt",
        **{"image" if base in ("sd15", "sdxl") else "control_image": pictures},
        **({"control_mode": [3, 5]} if union else {}),
    ).images[0]
    found = ours.paint([sample], [sample.seed])[0].image
    assert expected.std() > 0.05
    assert (found / 255 - expected).abs().max() <= 0.5 / 255 + 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("base", ["sd15", "union"])
def test_batch_paints_what_one_by_one_paints(models: Path, base: str) -> None:
    net = painter(models, base, refinement=Refinement(side=64, steps=4, strength=0.5))
    drafts = [draft("a", seed=1), draft("b", (80, 40), seed=2), draft("c", (80, 41), seed=3)]
    together = painted(net, *drafts)
    for sample, image in zip(drafts, together, strict=True):
        assert image.shape == (3, *sample.mask.shape)
        assert (painted(net, sample)[0] - image).abs().max() <= 1


@pytest.mark.slow
def test_latent_of_a_batch_is_that_of_one_by_one_to_rounding(sd15: ControlNetPainter) -> None:
    seeds, size = [1, 2, 3], (32, 32)
    jobs = [draft(str(seed), seed=seed) for seed in seeds]
    together = [image.float() for image in _first(sd15, jobs, size)]
    for sample, image in zip(jobs, together, strict=True):
        torch.testing.assert_close(_first(sd15, [sample], size)[0], image, atol=1e-5, rtol=0)


def _first(net: ControlNetPainter, drafts: Sequence[Sample], size: tuple[int, int]) -> Tensor:
    from generation.painters.controlnet_painter import _Job

    jobs = [_Job(each, each.seed, "a photo") for each in drafts]
    generators = generators_for([each.seed for each in drafts], "controlnet")
    with torch.no_grad():
        return net._first_pass(generators, net._conditions(jobs, size), size)


@pytest.mark.slow
def test_seed_makes_the_image(sd15: ControlNetPainter) -> None:
    (image,) = painted(sd15, draft())
    assert torch.equal(image, painted(sd15, draft())[0])
    assert not torch.equal(image, painted(sd15, draft(seed=4))[0])


@pytest.mark.slow
def test_controls_make_the_image_and_those_switched_off_cost_nothing(
    models: Path, sd15: ControlNetPainter
) -> None:
    (image,) = painted(sd15, draft())
    canny, mask = controls(models, "sd15")
    assert not torch.equal(image, painted(painter(models, "sd15", shown=[canny]), draft())[0])
    off = Control(model="nowhere/at-all", condition=MaskCondition(), enabled=False)
    unused = Control(model="nowhere/at-all", condition=MaskCondition(), weight=0.0)
    switched = painter(models, "sd15", shown=[canny, off, mask, unused])
    assert torch.equal(image, painted(switched, draft())[0])


def test_prompt_can_be_switched_off_and_needs_no_guidance_then(models: Path) -> None:
    silent = painter(models, "sd15", prompts=None)
    assert silent.guidance == 1.0
    finished = silent.paint([draft()], [3])[0]
    assert finished.prompt == ""
    assert finished.image.float().std() > 5


def test_record_names_models_edit_and_joint_licence(models: Path, sd15: ControlNetPainter) -> None:
    finished = sd15.paint([draft()], [7])[0]
    assert (finished.id, finished.prompt, finished.seed) == ("a", "a photo of chair", 7)
    record = finished.provenance
    assert record.licence == "Apache-2.0 AND MIT"
    assert record.parents == ("p",)
    assert record.edits[0] == "view(10)"
    assert record.edits[1].startswith("controlnet(canny(30,230)x0.8+maskx0.5,size=32,steps=3")
    assert [name.split("@sha256:")[0] for name in record.models] == [
        "sd15",
        "sd15-canny",
        "sd15-seg",
    ]
    assert torch.equal(finished.mask, draft().mask)


@pytest.mark.slow
def test_refinement_adds_detail_above_the_first_pass(models: Path, sd15: ControlNetPainter) -> None:
    large = draft(size=(64, 64))
    tiles = Refinement(side=64, steps=2, strength=0.5, overlap=0.0)
    refined = painter(models, "sd15", refinement=tiles)
    (smooth,), (fine,) = painted(sd15, large), painted(refined, large)
    assert fine.shape == smooth.shape == (3, 64, 64)
    assert _roughness(fine) > 1.5 * _roughness(smooth)
    assert torch.equal(painted(refined, draft())[0], painted(sd15, draft())[0])  # nothing to refine


def _roughness(image: Tensor) -> float:
    return float(image.float().diff(dim=-1).abs().mean())


# numpy's, inside the constructor of Euler's and others' schedulers
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")
@pytest.mark.parametrize(
    ("scheduler", "options"),
    [
        ("LCMScheduler", {}),
        pytest.param("TCDScheduler", {}, marks=pytest.mark.slow),
        pytest.param("DDIMScheduler", _TRAILING, marks=pytest.mark.slow),
        pytest.param("EulerAncestralDiscreteScheduler", {}, marks=pytest.mark.slow),
    ],
)
def test_few_step_samplers_are_chosen_by_name(
    models: Path, scheduler: str, options: dict[str, bool | str]
) -> None:
    sampling = Sampling(steps=2, guidance=1.0, scheduler=scheduler, options=options)
    (image,) = painted(painter(models, "sd15", sampling=sampling), draft())
    assert image.float().std() > 5


@pytest.mark.slow
def test_steps_that_leave_out_work_paint_nearly_the_same_and_say_so(
    models: Path, sd15: ControlNetPainter
) -> None:
    tiles = Refinement(side=64, steps=4, strength=0.5, overlap=0.0)
    sampling = Sampling(steps=STEPS, guidance=GUIDANCE, control_every=2, guided_share=0.7)
    reduced = painter(models, "sd15", sampling=sampling, refinement=tiles)
    exact = painter(models, "sd15", refinement=tiles)
    (pair,), (image,) = (
        reduced.paint([draft(size=(64, 64))], [3]),
        painted(exact, draft(size=(64, 64))),
    )
    gap = (pair.image.int() - image).abs().float()
    assert 0 < gap.mean() < 0.3 * image.float().std()
    assert ",scheduler=base,reduced(2,0.7),refined(64," in pair.provenance.edits[-1]


@pytest.mark.slow
def test_weights_in_16_bits_paint_nearly_the_same(models: Path, sd15: ControlNetPainter) -> None:
    half = ControlNetPainter(
        model=str(models / "sd15"), controls=controls(models, "sd15"), size=32, sampling=SAMPLING,
        prompts=sd15.prompts, refinement=None, dtype="bfloat16",
    )  # fmt: skip
    assert {p.dtype for p in half.parameters()} == {torch.bfloat16}
    (image,), (other,) = painted(half, draft()), painted(sd15, draft())
    assert 0 < (image - other).abs().float().mean() < 4


@pytest.mark.slow
def test_bad_models_are_answered_with_the_cure(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ValueError, match=r"someone/absent.*hf download.*maskfactory\.yaml"):
        painter(models, "sd15", shown=[Control(model="someone/absent", condition=MaskCondition())])
    with pytest.raises(ValueError, match="there is no folder"):
        painter(models / "away", "sd15", shown=[])
    with pytest.raises(ValueError, match=r"does not fit the base: its cross_attention_dim is 64"):
        painter(
            models,
            "sd15",
            shown=[Control(model=str(models / "sdxl-canny"), condition=MaskCondition())],
        )
    with pytest.raises(ValueError, match="is a ControlNetModel, not a ControlNetUnionModel"):
        painter(
            models,
            "sd15",
            shown=[Control(model=str(models / "sd15-canny"), condition=MaskCondition(), mode=3)],
        )
    with pytest.raises(ValueError, match="give different ones below 6"):
        painter(
            models,
            "sdxl",
            shown=[Control(model=str(models / "sdxl-union"), condition=MaskCondition(), mode=6)],
        )
    with pytest.raises(ValueError, match="diffusers has no scheduler 'Quick'"):
        painter(models, "sd15", sampling=Sampling(scheduler="Quick"))
    with pytest.raises(ValueError, match="has no option 'speed'"):
        painter(models, "sd15", sampling=Sampling(options={"speed": 2}))


def test_mask_of_labels_is_refused(sd15: ControlNetPainter) -> None:
    with pytest.raises(ValueError, match="mask of labels"):
        sd15.paint([replace(draft(), mask_kind=MaskKind.LABELS)], [1])


@pytest.mark.slow
def test_step_compiles_as_one_graph_for_all_steps_and_weights(models: Path) -> None:
    from generation.diffusion.denoise import denoising_step

    torch._dynamo.reset()
    counter = CompileCounter()
    net = painter(models, "sd15")
    net._step = torch.compile(denoising_step, fullgraph=True, dynamic=False, backend=counter)
    eager = painted(painter(models, "sd15"), draft())[0]
    assert torch.equal(painted(net, draft())[0], eager)
    net.net.weights = [[0.3], [1.7]]
    painted(net, draft(seed=5))
    assert counter.frame_count == 1
