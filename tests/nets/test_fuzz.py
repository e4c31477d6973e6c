"""Broken, foreign and malicious checkpoints: a CheckpointError that names the file; never a crash, no code run."""

import hashlib
import json
import os
import pickle
import shutil
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_focusstack.nets.checkpoint import CheckpointError, list_checkpoints, load_network, read_checkpoint

FUZZ = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
CONFIG, WEIGHTS = "config.json", "model.safetensors"
KEY = "napari-focusstack checkpoint"


class Bomb:
    """What it leaves where it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.fixture
def broken(whole, tmp_path):
    return Path(shutil.copytree(whole, tmp_path / "broken"))


def refused(folder):
    """The message with which the checkpoint is refused."""
    with pytest.raises(CheckpointError) as caught:
        load_network(read_checkpoint(folder), "cpu")
    assert str(folder) in str(caught.value)
    return str(caught.value)


def with_weights(folder, content, *, signed):
    """The checkpoint with this file of weights; `signed`: config.json has its checksum, as an attacker would see to."""
    (folder / WEIGHTS).write_bytes(content)
    if signed:
        config = json.loads((folder / CONFIG).read_text())
        config["sha256"] = hashlib.sha256(content).hexdigest()
        (folder / CONFIG).write_text(json.dumps(config))
    return folder


def header_of(content):
    length = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def with_header(header, data):
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


@FUZZ
@given(st.data())
@pytest.mark.parametrize("signed", [False, True])
def test_weights_cut_short(whole, broken, signed, data):
    content = (whole / WEIGHTS).read_bytes()
    end = data.draw(st.one_of(st.integers(0, 5000), st.integers(0, len(content) - 1)))
    with_weights(broken, content[:end], signed=signed)
    assert ("SHA-256" in refused(broken)) is not signed


@FUZZ
@given(st.data())
def test_one_bit_flipped(whole, broken, data):
    content = bytearray((whole / WEIGHTS).read_bytes())
    place = data.draw(st.integers(0, 8 * len(content) - 1))
    content[place // 8] ^= 1 << place % 8
    with_weights(broken, bytes(content), signed=False)
    assert "their SHA-256 differs" in refused(broken) or content[8] != ord("{")


@FUZZ
@given(st.data())
def test_one_bit_of_the_header_flipped_and_signed(whole, broken, data):
    """Then it may still be a whole file; but nothing else than whole weights may come out, and nothing may crash."""
    content = bytearray((whole / WEIGHTS).read_bytes())
    length = int.from_bytes(content[:8], "little")
    place = data.draw(st.integers(0, 8 * (8 + length) - 1))
    content[place // 8] ^= 1 << place % 8
    with_weights(broken, bytes(content), signed=True)
    try:
        loaded = load_network(read_checkpoint(broken), "cpu")
    except CheckpointError as error:
        assert str(broken) in str(error)
    else:
        assert all(bool(torch.isfinite(weight).all()) for weight in loaded.state_dict().values())


@FUZZ
@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_in_place_of_the_weights(broken, content, signed):
    refused(with_weights(broken, content, signed=signed))


@FUZZ
@given(st.integers(0, 2**64 - 1))
def test_any_length_of_the_header(whole, broken, length):
    content = (whole / WEIGHTS).read_bytes()
    refused(with_weights(broken, length.to_bytes(8, "little") + content[8:], signed=True))


@pytest.mark.parametrize(
    "change",
    [
        {"shape": [2**40, 2**40], "data_offsets": [0, 8]},
        {"shape": [2**63], "data_offsets": [0, 2**63]},
        {"shape": [-1]},
        {"shape": "all"},
        {"dtype": "F4"},
        {"dtype": "C64"},
        {"dtype": "OBJECT"},
        {"data_offsets": [8, 0]},
        {"data_offsets": [0, 10**30]},
        {"more": 1},
    ],
)
def test_absurd_entries_of_the_header(whole, broken, change):
    header, data = header_of((whole / WEIGHTS).read_bytes())
    name = next(name for name in header if name != "__metadata__")
    header[name] |= change
    try:
        refused(with_weights(broken, with_header(header, data), signed=True))
    except pytest.fail.Exception:  # a key that says nothing is allowed by the format
        assert "more" in change


@FUZZ
@given(st.text(max_size=30))
def test_tensors_of_other_names(whole, broken, name):
    header, data = header_of((whole / WEIGHTS).read_bytes())
    old = next(name for name in header if name != "__metadata__")
    if name in header:
        return
    message = refused(
        with_weights(broken, with_header({name if k == old else k: v for k, v in header.items()}, data), signed=True)
    )
    assert "weights of another network" in message or "broken safetensors file" in message


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("kind", ["torch", "old torch", "pickle"])
def test_a_pickle_in_place_of_the_weights_is_not_read(broken, tmp_path, kind, signed):
    bomb = Bomb(tmp_path / "gone off")
    if kind == "pickle":
        (broken / WEIGHTS).write_bytes(pickle.dumps(bomb))
    else:
        torch.save(bomb, broken / WEIGHTS, _use_new_zipfile_serialization=kind == "torch")
    message = refused(with_weights(broken, (broken / WEIGHTS).read_bytes(), signed=signed))
    assert "a pickle can run any program when it is read, so it is not; have whoever made it save it with" in message
    assert not bomb.path.exists()
    pickle.loads(pickle.dumps(bomb))
    assert bomb.path.exists()  # so it would have


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "weights.pkl"])
def test_a_pickle_beside_is_named_but_not_read(broken, tmp_path, name):
    (broken / WEIGHTS).unlink()
    (broken / name).write_bytes(pickle.dumps(Bomb(tmp_path / "gone off")))
    assert f"{WEIGHTS} is missing; there is {name} instead: a pickle can run any program" in refused(broken)
    assert "a pickle can run any program" in refused(broken / name)
    assert not (tmp_path / "gone off").exists()


@pytest.mark.parametrize("name", [CONFIG, WEIGHTS])
def test_a_missing_file_is_named(broken, name):
    (broken / name).unlink()
    assert f"{name} is missing; copy the whole folder again" in refused(broken)
    (broken / name).mkdir()
    assert f"{name} is missing" in refused(broken)


def test_weights_that_go_while_they_are_wanted(broken):
    checkpoint = read_checkpoint(broken)
    (broken / WEIGHTS).unlink()
    with pytest.raises(CheckpointError, match=r"model\.safetensors: missing; copy the whole folder again"):
        load_network(checkpoint, "cpu")


def test_a_description_of_gigabytes_is_not_read(broken):
    with (broken / CONFIG).open("wb") as file:
        file.truncate(2**33)
    assert "too large for a description" in refused(broken)


def test_weights_of_terabytes_are_not_read(broken):
    with (broken / WEIGHTS).open("wb") as file:
        file.truncate(2**40)
    assert "larger than 4 GiB" in refused(broken)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with names")
def test_a_pipe_is_not_waited_for(broken):
    (broken / WEIGHTS).unlink()
    os.mkfifo(broken / WEIGHTS)
    assert f"{WEIGHTS} is missing" in refused(broken)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no JSON"),
        ("[" * 200_000, "no JSON"),
        ("[]", "no description of a checkpoint"),
        ('{"a": 1}', 'the key "napari-focusstack checkpoint" is missing'),
        (
            '{"napari-focusstack checkpoint": 2}',
            "version 2 of checkpoints, where this program reads 1; copy the folder again, or upd",
        ),
        ('{"napari-focusstack checkpoint": true}', "version True"),
        ('{"napari-focusstack checkpoint": 1, "napari-focusstack checkpoint": 1}', "a key stands twice"),
        ('{"napari-focusstack checkpoint": 1, "tile": NaN}', "NaN is no number"),
        ('{"napari-focusstack checkpoint": 1, "tile": ' + "9" * 10_000 + "}", "no JSON"),
    ],
)
def test_descriptions_that_are_none(broken, text, message):
    (broken / CONFIG).write_text(text)
    assert message in refused(broken)


def test_a_description_that_is_no_text(broken):
    (broken / CONFIG).write_bytes(b"\xff\xfe{}")
    assert "could not be read" in refused(broken)


def test_an_architecture_of_elsewhere_is_told(broken):
    config = json.loads((broken / CONFIG).read_text())
    for name in ("os.system", "unet.UNet", "../unet", "__import__"):
        (broken / CONFIG).write_text(json.dumps(config | {"architecture": name}))
        known = "unet, focusdeep, focusdeep-any, aifdepthnet, fsb, frb, keb, edgenet, trustnet"
        said = f"architecture '{name}' is unknown here; known are {known}: update the program"
        assert said in refused(broken)


def paths_in(value, path=()):
    """Where in a JSON value something stands."""
    yield path
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in inside:
        yield from paths_in(part, (*path, key))


def changed(value, path, change):
    """The value with a change at one place."""
    if not path:
        return change(value)
    copy = value.copy()
    copy[path[0]] = changed(value[path[0]], path[1:], change)
    return copy


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@FUZZ
@given(st.data())
def test_any_value_in_place_of_another(whole, broken, data):
    """Refused, or, where it happens to be allowed, kept as it is."""
    config = json.loads((whole / CONFIG).read_text())
    path = data.draw(st.sampled_from(list(paths_in(config))[1:]))
    (broken / CONFIG).write_text(json.dumps(changed(config, path, lambda _: data.draw(ANY))))
    (listed,) = [one for one in list_checkpoints([broken.parent]) if one.name == "broken"]
    try:
        checkpoint = read_checkpoint(broken)
        load_network(checkpoint, "cpu")
    except CheckpointError as error:
        assert str(broken) in str(error)
    else:
        assert json.loads(checkpoint.to_json()) == json.loads((broken / CONFIG).read_text())
        assert not listed.error


@FUZZ
@given(st.data())
def test_a_value_of_another_type_is_refused(whole, broken, data):
    config = json.loads((whole / CONFIG).read_text())
    path = data.draw(st.sampled_from([path for path in paths_in(config) if path and path[0] not in ("arguments", KEY)]))
    old = config
    for key in path:
        old = old[key]
    others = [
        value
        for value in ("text", 7, 0.5, True, None, [1], {"a": "b"})
        if type(value) is not type(old) and not (isinstance(old, float | None) and isinstance(value, int | float))
    ]
    if isinstance(old, float):
        others.append(True)
    (broken / CONFIG).write_text(json.dumps(changed(config, path, lambda _: data.draw(st.sampled_from(others)))))
    name = path[-1] if isinstance(path[-1], str) else path[-2]
    assert str(name) in refused(broken)


def test_missing_and_unknown_keys_are_all_named_at_once(whole, broken):
    config = json.loads((whole / CONFIG).read_text())
    del config["halo"]
    del config["training"]["seed"]
    config["weights"] = "../../secret"
    config["tile"] = "large"
    (broken / CONFIG).write_text(json.dumps(config))
    message = refused(broken)
    for part in ("halo is missing", "'weights' is unknown", "tile: 'large' is no whole number", "training: seed is mi"):
        assert part in message


def test_every_key_is_needed(whole, broken):
    config = json.loads((whole / CONFIG).read_text())
    for path in paths_in(config):
        if (path and isinstance(path[-1], str) and path[0] not in ("arguments", "metrics")) or path == ("arguments",):
            less = changed(config, path[:-1], lambda part, key=path[-1]: {k: v for k, v in part.items() if k != key})
            (broken / CONFIG).write_text(json.dumps(less))
            assert "missing" in refused(broken)
