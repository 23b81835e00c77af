from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from networks.identity_vae import IdentityVAE


@given(channels=st.sampled_from([1, 3]), halvings=st.integers(0, 3), seed=st.integers(0, 99))
def test_decoding_returns_every_pixel_bit_by_bit(channels: int, halvings: int, seed: int) -> None:
    vae = IdentityVAE.of(channels, num_halvings=halvings)
    images = torch.randn(2, channels, 8, 16, generator=torch.Generator().manual_seed(seed))
    assert torch.equal(vae.decode(vae.encode(images).latent_dist.mode()).sample, images)


def test_latent_holds_the_pixels_of_its_patch_row_by_row() -> None:
    image = torch.arange(16.0).view(1, 1, 4, 4)
    latents = IdentityVAE.of(1, num_halvings=1).encode(image).latent_dist.mode()
    assert latents[0, :, 1, 0].tolist() == [8.0, 9.0, 12.0, 13.0]


def test_samples_of_the_distribution_are_its_mode() -> None:
    found = IdentityVAE.of().encode(torch.rand(1, 3, 4, 4)).latent_dist
    assert torch.equal(found.sample(torch.Generator()), found.mode())


def test_configuration_tells_pipelines_how_much_smaller_latents_are() -> None:
    config = IdentityVAE.of(1, num_halvings=2).config
    assert len(config["block_out_channels"]) == 3
    assert (config["in_channels"], config["latent_channels"]) == (1, 16)
    assert config["scaling_factor"] == 1


def test_saved_autoencoder_is_loaded_as_it_was(tmp_path: Path) -> None:
    IdentityVAE.of(1, num_halvings=1).half().save_pretrained(tmp_path)
    loaded = IdentityVAE.from_pretrained(tmp_path)
    assert loaded.patch == 2
    assert loaded.config["latent_channels"] == 4


def test_tuple_is_returned_where_a_pipeline_asks_for_it() -> None:
    vae = IdentityVAE.of(3, num_halvings=1)
    latents = torch.rand(1, 12, 2, 2)
    (image,) = vae.decode(latents, return_dict=False, generator=torch.Generator())
    (found,) = vae.encode(image, return_dict=False)
    assert torch.equal(found.mode(), latents)


def test_channels_that_do_not_fit_are_named() -> None:
    with pytest.raises(ValueError, match="give 4 latent_channels and scaling_factor 1, not 3"):
        IdentityVAE(1, 3, [1, 1])
