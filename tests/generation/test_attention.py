import pytest
import torch
from torch import Tensor, nn

from generation.diffusion.attention import (
    first_layer,
    mutual_self_attention,
    rows_of_sources,
    self_attention_layers,
)
from tests.generation.tiny_latent_models import tiny_unet


@pytest.fixture(scope="module")
def unet() -> nn.Module:
    torch.manual_seed(0)
    return tiny_unet().eval().requires_grad_(False)


def batch(rows: int) -> tuple[Tensor, int, Tensor]:
    generator = torch.Generator().manual_seed(1)
    latents = torch.randn(rows, 4, 16, 16, generator=generator)
    return latents, 500, torch.randn(rows, 5, 32, generator=generator)


def run(unet: nn.Module, rows: int = 4) -> Tensor:
    return unet(*batch(rows)).sample


def test_layers_are_named_in_the_order_in_which_they_run(unet: nn.Module) -> None:
    ran: list[str] = []
    names = self_attention_layers(unet)
    hooks = [
        module.register_forward_hook(lambda *_, name=name: ran.append(name))
        for name, module in unet.named_modules()
        if name in names
    ]
    run(unet, 1)
    for hook in hooks:
        hook.remove()
    assert names == ran
    assert len(names) == 7


def test_switched_off_the_network_is_as_it_was_bit_for_bit(unet: nn.Module) -> None:
    before = run(unet)
    with mutual_self_attention(unet, self_attention_layers(unet)):
        assert torch.equal(run(unet), before)


def test_afterwards_the_processors_are_those_of_before_also_after_an_exception(
    unet: nn.Module,
) -> None:
    before = dict(unet.attn_processors)
    with mutual_self_attention(unet, self_attention_layers(unet)[3:]):
        assert unet.attn_processors != before
    assert unet.attn_processors == before

    def fail() -> None:
        with mutual_self_attention(unet, self_attention_layers(unet)) as reading:
            reading.rows = torch.tensor([0, 0])
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert unet.attn_processors == before


def test_layer_reads_keys_and_values_of_its_source_as_an_einsum_does(unet: nn.Module) -> None:
    name = self_attention_layers(unet)[2]
    layer = dict(unet.named_modules())[name]
    x = torch.randn(6, 9, layer.to_q.in_features, generator=torch.Generator().manual_seed(2))
    with mutual_self_attention(unet, [name]) as reading:
        reading.rows = rows_of_sources(2, 2, x.device)
        found = layer(x)
    # the published order, per half [source, target]: attention of the target over its source
    expected = []
    for target, source in enumerate([0, 1, 0, 1, 0, 1]):
        q, k, v = layer.to_q(x[target]), layer.to_k(x[source]), layer.to_v(x[source])
        heads = []
        for part in torch.arange(q.shape[1]).view(layer.heads, -1):
            weights = torch.einsum("id,jd->ij", q[:, part], k[:, part]) / len(part) ** 0.5
            heads.append(torch.einsum("ij,jd->id", weights.softmax(-1), v[:, part]))
        expected.append(layer.to_out[0](torch.cat(heads, 1)))
    torch.testing.assert_close(found, torch.stack(expected), rtol=1e-5, atol=1e-5)


def test_sources_are_not_changed_and_targets_are(unet: nn.Module) -> None:
    before = run(unet)
    with mutual_self_attention(unet, self_attention_layers(unet)) as reading:
        reading.rows = torch.tensor([0, 1, 0, 1])
        after = run(unet)
    torch.testing.assert_close(after[:2], before[:2], rtol=1e-5, atol=1e-5)
    assert float((after[2:] - before[2:]).abs().max()) > 1e-3


def test_layers_that_are_not_named_are_left_alone(unet: nn.Module) -> None:
    with mutual_self_attention(unet, []) as reading:
        reading.rows = torch.tensor([0, 0])
        assert torch.equal(run(unet, 2), run(unet, 2))
        changed = run(unet, 2)
    assert torch.equal(changed, run(unet, 2))


def test_attention_over_images_with_a_norm_of_its_own_reads_normalised_features() -> None:
    torch.manual_seed(0)
    unet = tiny_unet(
        down_block_types=["AttnDownBlock2D", "CrossAttnDownBlock2D"],
        up_block_types=["CrossAttnUpBlock2D", "AttnUpBlock2D"],
    ).eval()
    name = self_attention_layers(unet)[0]
    layer = dict(unet.named_modules())[name]
    x = torch.randn(2, layer.to_q.in_features, 4, 6, generator=torch.Generator().manual_seed(3))
    with mutual_self_attention(unet, [name]) as reading, torch.no_grad():
        reading.rows = torch.tensor([0, 1])
        itself = layer(x)
        reading.rows = None
        torch.testing.assert_close(itself, layer(x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("start", "num", "layer"), [(10, 16, 10), (0.625, 16, 10), (0, 7, 0)])
def test_start_is_a_number_or_a_share_of_the_layers(
    start: int | float, num: int, layer: int
) -> None:
    assert first_layer(start, num) == layer


@pytest.mark.parametrize("start", [16, 1.0, -1])
def test_start_that_leaves_no_layer_is_refused(start: int | float) -> None:
    with pytest.raises(ValueError, match="leaves none of the 16"):
        first_layer(start, 16)
