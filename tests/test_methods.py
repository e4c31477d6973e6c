"""What signatures say: options, checks, and messages."""

from pathlib import Path
from typing import Annotated, Literal

import pytest

from napari_focusstack.methods import check_options, options_of, pick, summary_of


def sharpen(
    frames,
    *,
    sigma: Annotated[float, {"min": 0.5, "max": 20.0}] = 2.0,
    taps: Literal[6, 14] = 6,
    rounds: Annotated[int | None, {"min": 1}] = None,
    keep: bool = False,
    device: str = "auto",
):
    """Sharper frames.

    More words.

    Parameters
    ----------
    frames : Frames
        Any.
    sigma : float
        Width of the
        Gaussian, in px.
    """


def test_options_follow_from_the_signature():
    options = options_of(sharpen)
    assert list(options) == ["sigma", "taps", "rounds", "keep"]
    sigma, taps, rounds, keep = options.values()
    assert (sigma.type, sigma.default, sigma.minimum, sigma.maximum) == (float, 2.0, 0.5, 20.0)
    assert sigma.text == "Width of the Gaussian, in px."
    assert (taps.type, taps.choices) == (int, (6, 14))
    assert (rounds.type, rounds.optional, rounds.minimum) == (int, True, 1)
    assert (keep.type, keep.default) == (bool, False)
    assert summary_of(sharpen) == "Sharper frames."


def test_allowed_values_pass():
    check_options(sharpen, "sharpen", {"sigma": 3, "taps": 14, "rounds": None, "keep": True})


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"sgma": 1.0},
            ValueError,
            "unknown option of 'sharpen' 'sgma'; did you mean 'sigma'.*taps, rounds, keep",
        ),
        ({"sigma": 30.0}, ValueError, "sigma=30.0 is out of range; 0.5 to 20.0 is allowed"),
        ({"sigma": "2"}, TypeError, "sigma='2' is not of type float"),
        ({"sigma": True}, TypeError, "sigma=True is not of type float"),
        ({"taps": 7}, ValueError, "taps=7 is not one of 6, 14"),
        ({"rounds": 0}, ValueError, "rounds=0 is out of range"),
        ({"rounds": 1.5}, TypeError, "rounds=1.5 is not of type int"),
        ({"keep": 1}, TypeError, "keep=1 is not of type bool"),
        ({"sigma": float("nan")}, ValueError, "sigma=nan is out of range"),
    ],
)
def test_others_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        check_options(sharpen, "sharpen", options)


def test_pick_lists_the_choices():
    assert pick({"a": sharpen}, "a", "fusion") is sharpen
    with pytest.raises(
        ValueError, match="unknown fusion method 'pyramd'; did you mean 'pyramid'.* Choices: pyramid, average"
    ):
        pick({"pyramid": sharpen, "average": sharpen}, "pyramd", "fusion")
    with pytest.raises(ValueError, match=r"unknown fusion method \[\]"):
        pick({"pyramid": sharpen}, [], "fusion")


def test_paths_may_be_given_as_text():
    def save(*, folder: Path = Path()):
        """Save."""

    check_options(save, "save", {"folder": "here"})
    with pytest.raises(TypeError, match="folder=3 is not of type Path"):
        check_options(save, "save", {"folder": 3})
