import pytest
import torch
from open_clip import SimpleTokenizer, build_zero_shot_classifier
from open_clip.model import CLIP

from networks.clip_model import small_clip
from networks.clip_text import SCENE, SINGLE, embed_names

NAMES = ["chair", "bus (vehicle)", "dining table"]


@pytest.fixture(scope="module")
def clip() -> CLIP:
    torch.manual_seed(0)
    return small_clip(
        width=32, num_layers=1, image_size=16, dim=32, text_layers=2, context_length=16
    ).eval()


@pytest.mark.parametrize("templates", [SINGLE, SCENE])
def test_names_are_the_zero_shot_weights_of_open_clip(
    clip: CLIP, templates: tuple[str, ...]
) -> None:
    tokenizer = SimpleTokenizer(context_length=16)
    functions = [template.format for template in templates]
    expected = build_zero_shot_classifier(clip, tokenizer, NAMES, functions, None)
    torch.testing.assert_close(embed_names(clip, NAMES, templates=templates), expected.T)


def test_scene_has_the_fifteen_published_templates() -> None:
    assert len(set(SCENE)) == 15
    assert SCENE[5] == "This is a photo of a small {}."
    assert SCENE[-2:] == ("This is the {} in the scene.", "This is one {} in the scene.")


def test_many_names_are_encoded_in_parts(clip: CLIP) -> None:
    names = [f"thing {k}" for k in range(300)]
    whole = embed_names(clip, names, templates=["{}"])
    some = embed_names(clip, names[250:270], templates=["{}"])
    torch.testing.assert_close(whole[250:270], some)


def test_precision_of_the_step_is_not_that_of_the_names(clip: CLIP) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        text = embed_names(clip, NAMES)
    torch.testing.assert_close(text, embed_names(clip, NAMES), atol=0, rtol=0)


@pytest.mark.parametrize(
    ("names", "templates", "message"),
    [
        ([], SCENE, "0 class names"),
        (["chair"], (), "0 class names|templates"),
        (["chair"], ("a photo",), "in each template"),
        (["chair", " "], SCENE, "class name is empty"),
    ],
)
def test_nothing_to_encode_is_an_error(
    clip: CLIP, names: list[str], templates: tuple[str, ...], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        embed_names(clip, names, templates=templates)


def test_a_name_that_would_be_cut_is_named(clip: CLIP) -> None:
    fits = " ".join(["chair"] * 10)  # and start, end, "a photo of a"
    assert embed_names(clip, [fits], templates=["a photo of a {}"]).shape == (1, 32)
    is_long = f"{fits} long"
    with pytest.raises(ValueError, match=f"'a photo of a {is_long}' is longer than the 16 tokens"):
        embed_names(clip, ["chair", is_long], templates=["a photo of a {}"])
