import pytest
import torch

from mlgym_core.components.data.transforms import FeatureDropout, GaussianNoise, RandomErase, RandomFlip, RandomShift
from mlgym_core.errors import BuildError


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def image() -> torch.Tensor:
    return torch.arange(1.0, 17.0).reshape(1, 4, 4)


def variants(transform, inputs: torch.Tensor, times: int = 200) -> set[tuple[float, ...]]:
    return {tuple(transform(inputs).flatten().tolist()) for _ in range(times)}


@pytest.mark.parametrize(("axis", "dimension"), [("horizontal", 2), ("vertical", 1)])
def test_an_image_is_mirrored_or_not(axis: str, dimension: int) -> None:
    expected = {tuple(each.flatten().tolist()) for each in (image(), image().flip(dimension))}

    assert variants(RandomFlip(axis), image()) == expected
    assert len(variants(RandomFlip(axis, chance=0), image())) == 1


def test_an_image_is_moved_in_every_direction_and_filled() -> None:
    inputs = torch.zeros(1, 3, 3)
    inputs[0, 1, 1] = 1

    places = {tuple(RandomShift(1, fill=-1)(inputs)[0].eq(1).nonzero()[0].tolist()) for _ in range(200)}

    assert places == {(row, column) for row in range(3) for column in range(3)}
    assert RandomShift(1, fill=-1)(inputs).shape == inputs.shape
    assert min(min(each) for each in variants(RandomShift(1, fill=-1), inputs)) == -1


def test_a_square_is_blanked_somewhere() -> None:
    blanked = [RandomErase(2)(image()).eq(0).sum().item() for _ in range(200)]

    assert set(blanked) == {1, 2, 4}
    assert len(variants(RandomErase(2, chance=0), image())) == 1


def test_noise_has_the_given_deviation() -> None:
    noise = GaussianNoise(0.5)(torch.ones(10_000)) - 1

    assert noise.std().item() == pytest.approx(0.5, abs=0.02)
    assert torch.equal(GaussianNoise(0)(torch.ones(3)), torch.ones(3))


def test_features_are_dropped_by_chance() -> None:
    dropped = FeatureDropout(0.25, fill=7)(torch.zeros(10_000))

    assert dropped.eq(7).float().mean().item() == pytest.approx(0.25, abs=0.02)


@pytest.mark.parametrize(
    "transform", [RandomFlip(), RandomShift(1), RandomErase(2), GaussianNoise(1), FeatureDropout(0.9)]
)
def test_the_input_itself_does_not_change(transform) -> None:
    inputs = image()

    variants(transform, inputs, times=20)

    assert torch.equal(inputs, image())


@pytest.mark.parametrize("transform", [RandomFlip(), RandomShift(1), RandomErase(2)])
def test_what_is_no_image_is_refused(transform) -> None:
    with pytest.raises(BuildError, match=r"takes images \[..., H, W\], but an input has the shape \[4\]"):
        transform(torch.zeros(4))
