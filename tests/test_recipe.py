"""A recipe holds only what is allowed, and survives JSON."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_focusstack import ALIGNERS, FUSERS, Recipe
from napari_focusstack.methods import options_of


def values_for(option):
    """Strategy of allowed values of an option."""
    if option.choices:
        return st.sampled_from(option.choices)
    if option.type is bool:
        return st.booleans()
    low, high = option.minimum, option.maximum
    if option.type is int:
        return st.integers(int(low or 0), int(high if high is not None else 100))
    return st.floats(low or 0.0, high if high is not None else 100.0)


@st.composite
def recipes(draw):
    def of(table, name):
        options = options_of(table[name]) if name in table else {}
        chosen = draw(st.sets(st.sampled_from(sorted(options)))) if options else set()
        return {key: draw(values_for(options[key])) for key in chosen}

    align, fuse = draw(st.sampled_from([*ALIGNERS, "none"])), draw(st.sampled_from(list(FUSERS)))
    return Recipe(
        align,
        of(ALIGNERS, align) if align != "none" else {},
        fuse,
        of(FUSERS, fuse),
        draw(st.sampled_from(["auto", "on", "off"])),
        draw(st.sampled_from(["joint", "separate", 0, 3])),
    )


@given(recipes())
def test_json_there_and_back(recipe):
    assert Recipe.from_json(recipe.to_json()) == recipe


def test_files_there_and_back(tmp_path):
    recipe = Recipe(fuse="wavelet", fuse_options={"taps": 14})
    recipe.save(tmp_path / "r.json")
    assert Recipe.load(tmp_path / "r.json") == recipe
    (tmp_path / "r.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match=r"r\.json: not a recipe: no text"):
        Recipe.load(tmp_path / "r.json")
    (tmp_path / "r.json").write_text("{}")
    with pytest.raises(ValueError, match=r"r\.json: not a recipe: a JSON object"):
        Recipe.load(tmp_path / "r.json")


def test_json_names_the_program_and_may_be_short():
    assert "napari-focusstack" in json.loads(Recipe().to_json())
    assert Recipe.from_json('{"napari-focusstack": "1.0", "fuse": "average"}') == Recipe(fuse="average")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not a recipe: no JSON"),
        ("[1]", 'a JSON object with the key "napari-focusstack" is needed'),
        ('{"fuse": "pyramid"}', 'a JSON object with the key "napari-focusstack" is needed'),
        ('{"napari-focusstack": "1", "fusion": "pyramid"}', "a recipe has no 'fusion'; it has align, .*fuse"),
        ('{"napari-focusstack": "1", "fuse_options": [1]}', "is not a JSON object of options"),
        ('{"napari-focusstack": "1", "fuse_options": null}', "is not a JSON object of options"),
        ('{"napari-focusstack": "1", "fuse": ["pyramid"]}', r"unknown fusion method \['pyramid'\]"),
    ],
)
def test_wrong_json_is_refused(text, message):
    with pytest.raises((ValueError, TypeError), match=message):
        Recipe.from_json(text)


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"align": "eccc"}, "unknown alignment method 'eccc'; did you mean 'ecc'"),
        ({"align_options": {"speed": 3}}, "unknown option of 'ecc' 'speed'"),
        ({"fuse": "helicon"}, "unknown fusion method 'helicon'.*Choices: pyramid"),
        ({"fuse_options": {"speed": 3}}, "unknown option of 'pyramid' 'speed'"),
        ({"exposure": True}, "exposure=True is not one of 'auto', 'on', 'off'"),
        ({"channels": -1}, "channels=-1 is not 'joint', 'separate' or a channel's number"),
        ({"channels": True}, "channels=True is not"),
        ({"device": "tpu"}, "unknown device 'tpu'; choices: auto, cpu, cuda, mps"),
    ],
)
def test_wrong_choices_are_refused(choices, message):
    with pytest.raises(ValueError, match=message):
        Recipe(**choices)
