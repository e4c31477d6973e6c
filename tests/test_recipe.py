"""A recipe holds only what is allowed, and survives JSON."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_focusstack import ALIGNERS, DEPTH_ESTIMATORS, FUSERS, Recipe
from napari_focusstack.diffusion import eliminate_diffusion
from napari_focusstack.methods import options_of
from napari_focusstack.nets.listing import list_checkpoints


def values_for(option):
    """Strategy of allowed values of an option."""
    if option.choices:
        return st.sampled_from(option.choices)
    if option.type is bool:
        return st.booleans()
    if option.architectures:
        shipped = [found.checkpoint for found in list_checkpoints()]
        names = [one.name for one in shipped if one.architecture in option.architectures]
        return st.sampled_from(names) if names else st.text()
    if option.type is str:
        return st.text()
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

    tables = {"align": ALIGNERS, "fuse": FUSERS, "depth": DEPTH_ESTIMATORS}
    elimination = {"diffusion": eliminate_diffusion}
    names = {
        "align": draw(st.sampled_from([*ALIGNERS, "none"])),
        "fuse": draw(st.sampled_from(list(FUSERS))),
        "depth": draw(st.sampled_from([*DEPTH_ESTIMATORS, "none"])),
    }
    step = draw(st.none() | st.floats(0.01, 100).map(lambda size: -size))
    return Recipe(
        **names,
        **{f"{stage}_options": of(tables[stage], name) for stage, name in names.items()},
        step=step,
        unit=draw(st.sampled_from(["um", "mm", *([None] if step is None else [])])),
        fill=draw(st.booleans()),
        steady=draw(st.booleans()),
        exposure=draw(st.sampled_from(["auto", "on", "off"])),
        channels=draw(st.sampled_from(["joint", "separate", 0, 3])),
        diffusion=draw(st.sampled_from(["auto", "on", "off"])),
        diffusion_options=of(elimination, "diffusion"),
    )


@given(recipes())
def test_json_there_and_back(recipe):
    assert Recipe.from_json(recipe.to_json()) == recipe


@pytest.mark.parametrize(
    ("fuse", "checkpoint", "message"),
    [
        ("focusdeep", "nonsense", "there is no checkpoint 'nonsense'; there are: aifdepthnet-small, "),
        (
            "unet",
            "focusdeep-small",
            "'focusdeep-small' is a focusdeep-any; method unet takes unet. There are: unet-small",
        ),
    ],
)
def test_a_checkpoint_that_cannot_be_used_is_refused_at_once(fuse, checkpoint, message):
    with pytest.raises(ValueError, match=message):
        Recipe(fuse=fuse, fuse_options={"checkpoint": checkpoint})


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
        ('{"napari-focusstack": "1", "diffusion_options": 2}', "diffusion_options=2 of a recipe is not a JSON object"),
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
        ({"diffusion": True}, "diffusion=True is not one of 'auto', 'on', 'off'"),
        ({"diffusion_options": {"strength": 2.0}}, "strength=2.0 is out of range; 0.0 to 1.0 is allowed"),
        ({"diffusion_options": {"nearer": "first"}}, "unknown option of 'diffusion' 'nearer'; did you mean 'nearest'"),
        ({"channels": -1}, "channels=-1 is not 'joint', 'separate' or a channel's number"),
        ({"channels": True}, "channels=True is not"),
        ({"device": "tpu"}, "unknown device 'tpu'; choices: auto, cpu, cuda, mps"),
    ],
)
def test_wrong_choices_are_refused(choices, message):
    with pytest.raises(ValueError, match=message):
        Recipe(**choices)


@pytest.mark.parametrize(
    ("choices", "error", "words"),
    [
        ({"depth": "sfm"}, ValueError, "unknown depth method 'sfm'; did you mean 'sff'?"),
        ({"depth": "sff", "depth_options": {"radius": 0}}, ValueError, "radius=0 is out of range"),
        ({"fuse": "none"}, ValueError, "leave nothing to do; choose a method for one of them"),
        ({"step": 1.0}, ValueError, "step=1.0 needs its unit"),
        ({"step": 1.0, "unit": "frame"}, ValueError, "step=1.0 needs its unit"),
        ({"step": 0, "unit": "um"}, ValueError, "step=0 is no distance between frames"),
        ({"step": float("nan"), "unit": "um"}, ValueError, "step=nan is no distance between frames"),
        ({"step": "2", "unit": "um"}, TypeError, "step='2' is not a number"),
        ({"unit": "inch"}, ValueError, "unit 'inch' is not known; nm, um, mm, m, frame are"),
    ],
)
def test_depths_that_cannot_be_are_refused(choices, error, words):
    with pytest.raises(error, match=words.replace("?", r"\?")):
        Recipe(**choices)


def test_units_go_by_their_short_names():
    assert Recipe(step=2, unit="µm").unit == "um"


@pytest.mark.parametrize(
    ("choices", "photographs", "others"),
    [
        ({}, True, False),
        ({"diffusion": "on"}, True, True),
        ({"diffusion": "off"}, False, False),
        ({"fuse": "guided", "channels": 1}, True, False),
        ({"channels": "separate"}, False, False),
        ({"fuse": "focusdeep"}, False, False),
        ({"fuse": "average"}, False, False),
        ({"fuse": "focusdeep", "diffusion": "on"}, True, True),
        ({"fuse": "none", "depth": "sff", "diffusion": "on"}, False, False),
    ],
)
def test_diffusion_is_taken_out_of_photographs_or_when_asked_to(choices, photographs, others):
    recipe = Recipe(**{"diffusion": "auto"} | choices)
    assert recipe.eliminates(photograph=True) == photographs
    assert recipe.eliminates(photograph=False) == others
