import cv2
import numpy as np
import pytest
import torch

from callbacks.priors import CENTRE, MEAN_MASK, centre_prior, mean_mask_prior, score_priors
from callbacks.report_content import Row, choose_examples
from callbacks.run_facts import commit, duration
from callbacks.thumbnails import EXTRA, MISSED, OBJECT, decode, thumbnails
from metrics.measures import OF_THE_SET, PIXELWISE
from metrics.quantise import resize, to_uint8
from metrics.scores import image_scores


@pytest.mark.parametrize("size", [(1, 1), (5, 9), (64, 31)])
def test_centre_prior_is_symmetric_and_highest_in_the_middle(size: tuple[int, int]) -> None:
    prior = centre_prior(size)
    assert tuple(prior.shape) == size
    torch.testing.assert_close(prior, prior.flip(0, 1))
    assert float(prior.max()) == float(prior[size[0] // 2, size[1] // 2])


def test_centre_prior_falls_by_one_sigma_a_quarter_from_the_middle() -> None:
    prior = centre_prior((1001, 2001))
    assert int(prior[500, 1000]) == 255
    assert int(prior[500, 1500]) == int(prior[750, 1000]) == round(255 * np.exp(-0.5))


def test_centre_prior_is_rounded_as_every_map_is() -> None:
    y, x = (((torch.arange(n) + 0.5) / n - 0.5) / 0.25 for n in (57, 83))
    expected = to_uint8(torch.outer((-(y**2) / 2).exp(), (-(x**2) / 2).exp()))
    difference = centre_prior((57, 83)).int() - expected.int()
    assert int(difference.abs().max()) <= 1  # where float32 lands on the other side of a half
    assert float((difference != 0).float().mean()) < 1e-3


@pytest.mark.parametrize("size", [(20, 30), (3, 5), (1, 1), (64, 64), (301, 199)])
def test_mean_mask_is_resized_as_maps_are(size: tuple[int, int]) -> None:
    mean_mask = torch.rand(64, 64, generator=torch.Generator().manual_seed(0))
    expected = to_uint8(resize(mean_mask, size))
    difference = mean_mask_prior(mean_mask, size).int() - expected.int()
    assert int(difference.abs().max()) <= 1
    assert float((difference != 0).float().mean()) < 1e-3


def test_priors_are_scored_like_any_map_but_by_pixelwise_measures_only() -> None:
    truth = torch.zeros(20, 30, dtype=torch.uint8)
    truth[5:15, 10:20] = 255
    mean_mask = torch.rand(8, 8, generator=torch.Generator().manual_seed(0))
    scores = score_priors(mean_mask, truth, None)
    expected = image_scores(mean_mask_prior(mean_mask, (20, 30)), truth, None)
    assert list(scores) == [MEAN_MASK, CENTRE]
    assert torch.equal(scores[MEAN_MASK].curves["f"], expected.curves["f"])
    assert scores[MEAN_MASK].values.keys() == PIXELWISE - OF_THE_SET.keys()


def test_error_picture_tells_missed_from_extra_and_hides_ignored() -> None:
    truth = torch.tensor([[255, 255, 0, 0, 255]], dtype=torch.uint8)
    prediction = torch.tensor([[255, 0, 255, 0, 0]], dtype=torch.uint8)
    weight = torch.tensor([[255, 255, 255, 255, 0]], dtype=torch.uint8)
    drawn = decode(thumbnails(torch.zeros(3, 4, 4), truth, prediction, weight).error)
    assert [tuple(pixel) for pixel in drawn[0].tolist()] == [
        OBJECT, MISSED, EXTRA, (0, 0, 0), OBJECT
    ]  # fmt: skip


def test_a_dark_map_is_drawn_as_it_is_scored() -> None:
    truth = torch.zeros(40, 50, dtype=torch.uint8)
    truth[10:30, 10:40] = 255
    dark = truth // 255 * 60 + 10
    assert image_scores(dark, truth, None).values["mae"] == 0
    made = thumbnails(torch.zeros(3, 4, 4), truth, dark, None)
    assert made.prediction == made.truth
    assert set(map(tuple, decode(made.error).reshape(-1, 3).tolist())) == {(0, 0, 0), OBJECT}


def test_the_error_is_that_of_the_binary_truth() -> None:
    truth = torch.tensor([[0, 128, 129, 255]], dtype=torch.uint8)
    exact = torch.tensor([[0, 0, 255, 255]], dtype=torch.uint8)
    assert image_scores(exact, truth, None).values["mae"] == 0
    made = thumbnails(torch.zeros(3, 4, 4), truth, exact, None)
    assert [tuple(pixel) for pixel in decode(made.error)[0].tolist()] == [
        (0, 0, 0), (0, 0, 0), OBJECT, OBJECT
    ]  # fmt: skip
    assert decode(made.truth)[0, :, 0].tolist() == [0, 128, 129, 255]  # soft edges stay to be seen


def test_what_is_ignored_sets_the_range_as_it_does_for_the_score() -> None:
    truth = torch.tensor([[0, 255, 255, 0]], dtype=torch.uint8)
    dark = torch.tensor([[20, 80, 80, 20]], dtype=torch.uint8)
    weight = torch.tensor([[255, 255, 0, 0]], dtype=torch.uint8)  # takes the values 255 and 0
    made = thumbnails(torch.zeros(3, 4, 4), truth, dark, weight)
    assert decode(made.prediction)[0, :, 0].tolist() == [20, 80, 80, 20]


@pytest.mark.parametrize("value", [0, 100, 255])
def test_a_constant_map_is_not_stretched(value: int) -> None:
    truth = torch.zeros(5, 6, dtype=torch.uint8)
    made = thumbnails(torch.zeros(3, 4, 4), truth, torch.full_like(truth, value), None)
    assert (decode(made.prediction) == value).all()


@pytest.mark.parametrize(
    ("size", "expected"),
    [((1, 1), (1, 1)), ((3000, 7), (256, 1)), ((300, 600), (128, 256)), ((40, 50), (40, 50))],
)
def test_pictures_have_the_shape_of_the_original(
    size: tuple[int, int], expected: tuple[int, int]
) -> None:
    plane = torch.zeros(size, dtype=torch.uint8)
    made = thumbnails(torch.rand(3, 32, 32), plane, plane, None)
    assert made.photo is not None
    for encoded in (made.photo, made.truth, made.prediction, made.error):
        assert decode(encoded).shape == (*expected, 3)


def test_photo_keeps_its_colours() -> None:
    plane = torch.zeros(16, 16, dtype=torch.uint8)
    red = torch.zeros(3, 16, 16)
    red[0] = 1
    photo = thumbnails(red, plane, plane, None).photo
    assert photo is not None
    np.testing.assert_allclose(decode(photo).reshape(-1, 3).mean(0), [255, 0, 0], atol=3)


def test_where_there_is_no_photo_none_is_drawn() -> None:
    plane = torch.zeros(16, 16, dtype=torch.uint8)
    assert thumbnails(torch.zeros(3, 0, 0), plane, plane, None).photo is None


def test_large_pictures_are_shrunk_to_the_means_of_blocks() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (768, 1024), dtype=np.uint8)
    plane = torch.from_numpy(noise)
    drawn = decode(thumbnails(torch.zeros(3, 4, 4), plane, plane, None).truth)[..., 0]
    expected = cv2.resize(noise, (256, 192), interpolation=cv2.INTER_AREA)
    np.testing.assert_allclose(drawn, expected, atol=1)


def test_a_strut_that_is_beside_its_place_is_missed_and_extra() -> None:
    truth, prediction = torch.zeros(2, 1024, 1024, dtype=torch.uint8)
    truth[:, 400], prediction[:, 402] = 255, 255  # in one block of the small picture
    error = decode(thumbnails(torch.zeros(3, 4, 4), truth, prediction, None).error)
    np.testing.assert_allclose(error[:, 100], [(np.add(MISSED, EXTRA) / 4).tolist()] * 256, atol=2)


def rows(num: int) -> list[Row]:
    truth = torch.zeros(8, 8, dtype=torch.uint8)
    truth[2:6, 2:6] = 255
    noise = torch.Generator().manual_seed(0)
    return [
        Row(
            id=str(index),
            subset="",
            class_name="",
            size=(8, 8),
            scores=image_scores(
                torch.randint(0, 256, (8, 8), dtype=torch.uint8, generator=noise), truth, None
            ),
            priors={},
        )
        for index in range(num)
    ]


@pytest.mark.parametrize("num", [1, 2, 3, 4, 5, 8, 30])
def test_examples_are_ordered_and_never_repeat(num: int) -> None:
    made = rows(num)
    grids = choose_examples(made, 4)
    shown = [row for grid in grids.values() for row in grid]
    assert len({row.id for row in shown}) == len(shown) == min(num, 3 * min(4, -(-num // 3)))
    f = [row.scores.values["mean_f"] for row in made]
    assert grids["worst"][0].scores.values["mean_f"] == min(f)
    if num > 1:
        assert grids["best"][0].scores.values["mean_f"] == max(f)


@pytest.mark.parametrize(
    ("seconds", "expected"), [(3.21, "3.2 s"), (61, "1 min 1 s"), (3725, "1 h 2 min")]
)
def test_duration_is_written_as_people_do(seconds: float, expected: str) -> None:
    assert duration(seconds) == expected


def test_commit_is_unknown_without_git(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert commit() == "unknown"
