"""Checkpoints: written, found, described, loaded; replaced at once or not at all."""

import errno
import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from napari_focusstack.nets import build
from napari_focusstack.nets import checkpoint as module
from napari_focusstack.nets.checkpoint import (
    CheckpointError,
    Input,
    Training,
    check_frames,
    list_checkpoints,
    load_network,
    read_checkpoint,
    save_checkpoint,
)


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))


def shifted(network):
    """Another network of the same shape."""
    other = build("unet", network.arguments)
    other.load_state_dict({name: weight + 1 for name, weight in network.state_dict().items()})
    return other


def rewritten(folder, change):
    """The checkpoint with other weights, and a checksum that agrees."""
    weights = load_file(folder / "model.safetensors")
    save_file(change(weights), folder / "model.safetensors")
    config = json.loads((folder / "config.json").read_text())
    config["sha256"] = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture
def copied(whole, tmp_path):
    return Path(shutil.copytree(whole, tmp_path / "copied"))


def test_what_is_saved_is_read_and_loaded(network, whole, describe):
    checkpoint = read_checkpoint(whole)
    assert checkpoint.name == "whole"
    assert checkpoint.architecture == "unet"
    assert checkpoint.arguments == {"size": "small", "frames": 4, "channels": None}
    assert checkpoint.input == Input(channels=None, range=(0.0, 1.0), light="linear", frames=(2, 30))
    assert checkpoint.training == Training(data="simulated bursts", steps=1200, seed=7, loss="L1", code="0.2.0")
    assert (checkpoint.task, checkpoint.tile, checkpoint.halo) == ("fusion", 256, network.halo)
    assert (checkpoint.metrics, checkpoint.licence) == ({"psnr_db": 33.25}, "BSD-3-Clause")
    loaded = load_network(checkpoint, "cpu")
    assert same(loaded, network)
    assert not loaded.training
    assert {path.name for path in whole.iterdir()} == {"model.safetensors", "config.json"}


def test_what_is_written_is_what_was_returned(network, tmp_path, describe):
    saved = save_checkpoint(tmp_path / "new" / "one", network, **describe(metrics={"psnr_db": np.float32(31.5)}))
    assert saved == read_checkpoint(tmp_path / "new" / "one")
    assert saved.metrics == {"psnr_db": 31.5}


def test_loading_leaves_random_numbers_alone(whole):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    load_network(read_checkpoint(whole), "cpu")
    assert torch.equal(torch.rand(3), expected)


def test_half_precision_weights_are_turned_into_the_networks(copied, network):
    rewritten(copied, lambda weights: {name: weight.half() for name, weight in weights.items()})
    loaded = load_network(read_checkpoint(copied), "cpu")
    assert {weight.dtype for weight in loaded.state_dict().values()} == {torch.float32}
    for name, weight in network.state_dict().items():
        torch.testing.assert_close(loaded.state_dict()[name], weight, atol=1e-3, rtol=1e-3)


def test_the_config_or_the_weights_stand_for_the_folder(whole):
    for name in ("config.json", "model.safetensors"):
        assert read_checkpoint(whole / name) == read_checkpoint(str(whole))


def test_names_are_found_in_folders_and_shipped_ones_first(whole, copied, tmp_path, monkeypatch, network, describe):
    folders = [tmp_path]
    assert read_checkpoint("copied", folders).folder == copied
    monkeypatch.setattr("napari_focusstack.nets.listing.SHIPPED", whole.parent)
    shutil.copytree(whole, tmp_path / "whole")
    assert read_checkpoint("whole", folders).folder == whole
    assert read_checkpoint(tmp_path / "whole").folder == tmp_path / "whole"


def test_the_first_folder_wins(whole, tmp_path):
    for name in "ab":
        shutil.copytree(whole, tmp_path / name / "same")
    assert read_checkpoint("same", [tmp_path / "a", tmp_path / "gone", tmp_path / "b"]).folder.parent.name == "a"


def test_a_folder_here_is_found_by_its_name(copied, monkeypatch):
    monkeypatch.chdir(copied.parent)
    assert read_checkpoint("copied").folder == copied
    monkeypatch.chdir(copied)
    assert read_checkpoint(".").folder == copied


def test_an_unknown_name_lists_those_that_are_there(none_shipped, whole):
    with pytest.raises(
        CheckpointError, match=r"no checkpoint 'wole'; did you mean 'whole'\? There are: whole\. Choose"
    ):
        read_checkpoint("wole", [whole.parent])
    with pytest.raises(CheckpointError, match="''; there are: none"):
        read_checkpoint("")


@pytest.mark.parametrize(
    "which", ["../../etc", "/", "a/../b", "~nobody-of-that-name/x", "x/" + 300 * "y", "a\0/b", ".."]
)
def test_paths_to_nowhere_are_told(which, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError):
        read_checkpoint(which)


def test_whole_and_broken_ones_are_listed(none_shipped, copied, tmp_path, monkeypatch):
    shutil.copytree(copied, tmp_path / "broken")
    (tmp_path / "broken" / "config.json").write_text("{")
    (tmp_path / "holidays").mkdir()
    shutil.copytree(copied, tmp_path / ".hidden")
    found = list_checkpoints([tmp_path, copied, tmp_path / "gone"])
    assert [(one.name, bool(one.checkpoint), one.shipped) for one in found] == [
        ("broken", False, False),
        ("copied", True, False),
        ("copied", True, False),
        ("gone", False, False),
    ]
    assert "config.json: no JSON" in found[0].error
    assert "no folder that can be read (No such file or directory); choose another" in found[3].error
    assert found[1].error == ""
    monkeypatch.setattr("napari_focusstack.nets.listing.SHIPPED", tmp_path)
    assert all(one.shipped for one in list_checkpoints())


def test_weights_that_are_cut_short_are_listed_as_broken(none_shipped, copied, tmp_path):
    weights = (copied / "model.safetensors").read_bytes()
    for length in (0, 7, 100, len(weights) // 2, len(weights) - 1):
        (copied / "model.safetensors").write_bytes(weights[:length])
        (found,) = list_checkpoints([tmp_path])
        assert found.error == f"{copied / 'model.safetensors'}: cut short; copy the whole folder again"


def test_a_pickle_in_the_working_folder_is_refused_as_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.pt").write_bytes(b"PK")
    with pytest.raises(CheckpointError, match="a pickle can run any program when it is read"):
        read_checkpoint("net.pt")


def test_what_is_shipped_is_whole():
    for one in list_checkpoints():
        assert not one.error
        load_network(one.checkpoint, "cpu")


def test_frames_that_do_not_fit_are_refused_unread(network, tmp_path, describe):
    described = describe(input=Input(channels=3, range=(0.0, 1.0), light="srgb", frames=(2, 30)))
    checkpoint = save_checkpoint(tmp_path / "rgb", network, **described)

    class Unread:
        dtype = np.dtype(np.uint8)

        def __init__(self, *shape):
            self.shape = shape

    check_frames(checkpoint, Unread(30, 8, 8, 3))
    with pytest.raises(CheckpointError, match="rgb was trained for bursts of 2 to 30 frames, not 31; .* leave frames"):
        check_frames(checkpoint, Unread(31, 8, 8, 3))
    with pytest.raises(CheckpointError, match="2 to 30 frames, not 1; choose another checkpoint, or add frames"):
        check_frames(checkpoint, Unread(1, 8, 8, 3))
    with pytest.raises(CheckpointError, match="rgb was trained for frames of 3 channels, not 1"):
        check_frames(checkpoint, Unread(5, 8, 8))


def test_frames_of_any_channels_fit_a_network_for_any(whole):
    check_frames(read_checkpoint(whole), np.zeros((2, 4, 4, 7), np.uint8))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"metrics": {"psnr": float("nan")}}, "NaN is no number"),
        ({"licence": ""}, "licence: '' is no line of text"),
        ({"licence": "MIT\x1b[2J"}, "is no line of text"),
        ({"task": "fun"}, "task: 'fun' is not one of fusion, depth, foreground, refinement, kernel, edges"),
        ({"tile": 100}, "tile 100 px is no multiple of the network's 16 px"),
        ({"training": Training("x", 1.5, 0, "L1", "1")}, "steps: 1.5 is no whole number from 0"),
        ({"input": Input(None, (1.0, 0.0), "linear", (2, 30))}, r"range: \[1.0, 0.0\] is no range"),
    ],
)
def test_what_may_not_be_read_is_not_written(network, tmp_path, describe, change, message):
    with pytest.raises(CheckpointError, match=f"bad was not written: .*{message}"):
        save_checkpoint(tmp_path / "bad", network, **describe(**change))
    assert not list(tmp_path.iterdir())


def test_weights_that_diverged_do_not_replace_good_ones(network, copied, describe):
    spoilt = shifted(network)
    with torch.no_grad():
        spoilt.trunk.head.bias[0] = float("nan")
    with pytest.raises(CheckpointError, match=r"weights that are not finite.*: trunk\.head\.bias"):
        save_checkpoint(copied, spoilt, **describe())
    assert same(load_network(read_checkpoint(copied), "cpu"), network)


def test_foreign_networks_are_not_written(tmp_path, describe):
    with pytest.raises(CheckpointError, match="a Linear is none of the architectures unet, focusdeep"):
        save_checkpoint(tmp_path / "bad", torch.nn.Linear(1, 1), **describe())


def test_replacing_keeps_what_is_not_ours(network, copied, describe):
    (copied / "notes.txt").write_text("mine")
    (copied / "resume.pt").write_text("of then")
    new = shifted(network)
    save_checkpoint(copied, new, **describe(), also=lambda folder: (folder / "resume.pt").write_text("of now"))
    assert same(load_network(read_checkpoint(copied), "cpu"), new)
    assert (copied / "notes.txt").read_text() == "mine"
    assert (copied / "resume.pt").read_text() == "of now"
    assert [path.name for path in copied.parent.iterdir()] == ["copied"]


STEPS = 14  # at which the process can die


class Killed(BaseException):
    """What nothing cleans up after, in these tests."""


def killing(monkeypatch, step):
    """Let the process die at that step: before it, with nothing cleaned up. Returns how many there were."""
    done, dead = [], []

    def counted(function):
        def inner(*args, **options):
            if dead and function.__name__ == "rmtree":
                return None
            if dead:
                raise Killed
            done.append(function.__name__)
            if len(done) > step:
                dead.append(True)
                raise Killed
            return function(*args, **options)

        return inner

    for name in ("mkdir", "rename", "write_bytes", "write_text", "open"):
        monkeypatch.setattr(Path, name, counted(getattr(Path, name)))
    monkeypatch.setattr(shutil, "rmtree", counted(shutil.rmtree))
    return done


@pytest.mark.parametrize("step", range(STEPS + 1))
@pytest.mark.parametrize("there", [True, False])
def test_killed_at_any_moment_the_good_one_is_there(none_shipped, network, whole, tmp_path, describe, step, there):
    new, folder = shifted(network), tmp_path / "some"
    if there:
        shutil.copytree(whole, folder)
    with pytest.MonkeyPatch.context() as patch:
        done = killing(patch, step)
        try:
            save_checkpoint(folder, new, **describe())
            finished = True
        except Killed:
            finished = False
    assert finished == (len(done) <= step)
    found = list_checkpoints([tmp_path])
    if there or finished:
        assert [(one.name, one.error) for one in found] == [("some", "")]
        loaded = load_network(read_checkpoint("some", [tmp_path]), "cpu")
        assert same(loaded, new) or (same(loaded, network) and not finished)
    else:
        assert found == [] or same(load_network(found[0].checkpoint, "cpu"), new)
    save_checkpoint(folder, new, **describe())  # the next one goes through, and cleans up
    assert same(load_network(read_checkpoint(folder), "cpu"), new)
    assert [path.name for path in tmp_path.iterdir()] == ["some"]


def test_the_steps_above_are_all_there_are(network, whole, tmp_path, describe):
    """So that killing before each of the first is killing everywhere."""
    shutil.copytree(whole, tmp_path / "some")
    with pytest.MonkeyPatch.context() as patch:
        done = killing(patch, 10**6)
        save_checkpoint(tmp_path / "some", network, **describe())
    assert [name for name in done if name != "open"][-4:] == ["rename", "rename", "rmtree", "rmtree"]
    assert len(done) <= STEPS, done


@pytest.mark.parametrize("name", ["write_bytes", "write_text", "rename", "mkdir"])
@pytest.mark.parametrize("there", [True, False])
def test_a_full_disk_leaves_what_was_there(network, whole, tmp_path, describe, name, there, monkeypatch):
    folder = tmp_path / "some"
    if there:
        shutil.copytree(whole, folder)
    function = getattr(Path, name)

    def full(path, *args, **options):
        if ".part" in str(path):
            raise OSError(errno.ENOSPC, "No space left on device")
        return function(path, *args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Path, name, full)
        with pytest.raises(
            OSError, match=r"could not be written \(No space.*before is untouched; free .*some"
        ) as caught:
            save_checkpoint(folder, shifted(network), **describe())
    assert caught.value.errno == errno.ENOSPC
    assert [path.name for path in tmp_path.iterdir()] == (["some"] if there else [])
    if there:
        assert same(load_network(read_checkpoint(folder), "cpu"), network)


def test_a_file_in_its_place_is_told(network, tmp_path, describe):
    (tmp_path / "some").write_text("a file")
    with pytest.raises(OSError, match="could not be written"):
        save_checkpoint(tmp_path / "some", network, **describe())
    assert (tmp_path / "some").read_text() == "a file"


def test_a_description_of_another_network_is_told_before_it_is_built(copied, monkeypatch):
    config = json.loads((copied / "config.json").read_text())
    large = {"size": "paper", "frames": 256, "channels": 64}
    for change, message in [
        ({"arguments": large, "halo": 153, "input": config["input"] | {"channels": 64}}, "another network: missing"),
        ({"arguments": {"frames": 10**9}}, "frames=1000000000 is out of range; 1 to 256"),
        ({"arguments": {"__class__": 1}}, "unknown option of 'unet' '__class__'"),
        ({"arguments": {"size": "paper", "frames": 2}}, "channels=None: a UNet of size 'paper' needs"),
        ({"halo": 5}, "halo 5 px, but the network sees 110 px"),
        ({"tile": 250}, "tile 250 px is no multiple of the network's 16"),
        (
            {"arguments": {"size": "paper", "channels": 3}, "halo": 153},
            "input of None channels, but the network takes 3",
        ),
    ]:
        (copied / "config.json").write_text(json.dumps(config | change))
        built = []
        monkeypatch.setattr(
            module, "build", lambda *args, built=built: built.append(torch.empty(0).device) or build(*args)
        )
        with pytest.raises(CheckpointError, match=message):
            load_network(read_checkpoint(copied), "cpu")
        assert {device.type for device in built} == {"meta"}


def test_all_that_differs_stands_in_one_message(copied):
    def change(weights):
        weights["trunk.head.weight"] = weights["trunk.head.weight"][:2].contiguous()
        weights["../../../etc/passwd"] = torch.zeros(1)
        del weights["trunk.head.bias"]
        return weights

    rewritten(copied, change)
    with pytest.raises(CheckpointError) as caught:
        load_network(read_checkpoint(copied), "cpu")
    message = str(caught.value)
    assert f"{copied / 'model.safetensors'}: weights of another network: missing: trunk.head.bias; " in message
    assert "unexpected: '../../../etc/passwd'; of another shape: trunk.head.weight is 2×24×1×1, not 4×24×1×1" in message


def test_types_that_the_network_does_not_have_are_refused(copied):
    rewritten(copied, lambda weights: weights | {"trunk.head.bias": torch.zeros(4, dtype=torch.int64)})
    with pytest.raises(CheckpointError, match=r"trunk\.head\.bias of type I64, where the network has torch\.float32"):
        load_network(read_checkpoint(copied), "cpu")


def test_weights_that_are_not_finite_are_refused(copied):
    rewritten(copied, lambda weights: weights | {"trunk.head.bias": torch.full((4,), float("inf"))})
    with pytest.raises(CheckpointError, match=r"not finite, as after a training that diverged: trunk\.head\.bias"):
        load_network(read_checkpoint(copied), "cpu")


def test_a_file_is_told_from_a_folder_that_is_not_there(tmp_path, monkeypatch):
    (tmp_path / "weights.safetensors").write_bytes(b"x")
    monkeypatch.chdir(tmp_path)
    words = r"weights\.safetensors: this is a file; a checkpoint is a folder with config\.json and model\.safetensors"
    for which in ("weights.safetensors", "./weights.safetensors", tmp_path / "weights.safetensors"):
        with pytest.raises(CheckpointError, match=words):
            read_checkpoint(which)
    with pytest.raises(CheckpointError, match="there is no such folder; a checkpoint is a folder with"):
        read_checkpoint("./nothing")
