"""What the two published protocols fix."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datamodules.label_set import LabelSet, plain_numbers
from datamodules.vocabulary import SHIPPED, read_vocabulary
from lightningmodules.evaluation_protocol import GroupViTProtocol, SCLIPProtocol
from lightningmodules.label_decision import SigmoidDecision, SoftmaxDecision


def voc(*, background: bool) -> LabelSet:
    names = ("background", *read_vocabulary(SHIPPED / "voc.txt").names)
    return LabelSet(
        name="VOC",
        class_names=names,
        has_background=background,
        files=(),
        numbers=plain_numbers(21, has_background=background),
    )


def test_groupvit_looks_at_448_pixels_in_steps_of_224() -> None:
    protocol = GroupViTProtocol(SigmoidDecision())
    assert (protocol.short_side, protocol.window, protocol.stride) == (448, 448, 224)
    assert len(protocol.templates) == 7
    phrases = protocol.phrases(voc(background=True))
    assert phrases.texts[10:12] == ("diningtable", "dog")
    assert phrases.owners == tuple(range(1, 21))


def test_sclip_looks_at_224_pixels_in_steps_of_112_with_words_for_background() -> None:
    protocol = SCLIPProtocol(
        SoftmaxDecision(),
        vocabulary=SHIPPED / "voc_sclip.txt",
        background=SHIPPED / "background_sclip.txt",
    )
    assert (protocol.short_side, protocol.window, protocol.stride) == (336, 224, 112)
    assert (len(protocol.templates), len(set(protocol.templates))) == (80, 80)
    phrases = protocol.phrases(voc(background=True))
    assert phrases.owners.count(0) == 26
    assert phrases.owners.count(15) == 7  # person and six kinds of dress
    assert phrases.owners.count(20) == 5
    assert [t for t, o in zip(phrases.texts, phrases.owners, strict=True) if o == 4] == ["ship"]


def test_a_set_without_background_has_no_words_for_it() -> None:
    protocol = SCLIPProtocol(
        SoftmaxDecision(),
        vocabulary=SHIPPED / "voc_sclip.txt",
        background=SHIPPED / "background_sclip.txt",
    )
    assert 0 not in protocol.phrases(voc(background=False)).owners


def test_a_list_of_another_set_is_an_error() -> None:
    protocol = SCLIPProtocol(SoftmaxDecision(), vocabulary=SHIPPED / "context.txt")
    with pytest.raises(ValueError, match=r"names 59 classes, VOC has 20 without background"):
        protocol.phrases(voc(background=True))


def test_a_missing_list_is_an_error(tmp_path: Path) -> None:
    protocol = SCLIPProtocol(SoftmaxDecision(), background=tmp_path / "none.txt")
    with pytest.raises(ValueError, match="no list of class names can be read"):
        protocol.phrases(voc(background=True))


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((375, 500), (448, 597)),  # what mmcv.imrescale((2048, 448)) gives: 597.33 + .5
        ((500, 375), (597, 448)),
        ((333, 500), (448, 673)),
        ((100, 2000), (102, 2048)),  # the long side binds
        ((448, 448), (448, 448)),
    ],
)
def test_photos_are_brought_to_the_size_that_mmcv_gives(
    size: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert GroupViTProtocol(SigmoidDecision()).resized(size) == expected


@given(st.tuples(st.integers(1, 4000), st.integers(1, 4000)))
def test_no_photo_is_resized_to_nothing_or_beyond_the_long_side(size: tuple[int, int]) -> None:
    height, width = GroupViTProtocol(SigmoidDecision()).resized(size)
    assert 1 <= min(height, width) <= 448
    assert max(height, width) <= 2048
