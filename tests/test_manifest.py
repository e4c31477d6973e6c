"""The plugin's manifest: one file, valid, and true to the code."""

from importlib import import_module
from importlib.resources import files
from pathlib import Path

import pytest

npe2 = pytest.importorskip("npe2")

IN_PACKAGE = Path(str(files("napari_focusstack"))) / "napari.yaml"
AT_TOP = Path(__file__).parents[1] / "napari.yaml"


@pytest.fixture(scope="module")
def manifest():
    return npe2.PluginManifest.from_file(IN_PACKAGE)


def test_the_link_at_the_top_is_the_file_in_the_package():
    text = AT_TOP.read_text()
    a_link_git_could_not_make = text.strip() == "src/napari_focusstack/napari.yaml"
    assert a_link_git_could_not_make or text == IN_PACKAGE.read_text()


def test_it_is_the_distributions(manifest):
    assert manifest.name == "napari-focusstack"
    assert npe2.PluginManifest.from_distribution("napari-focusstack").contributions == manifest.contributions


def test_every_command_lies_in_ui_and_can_be_imported(manifest):
    pytest.importorskip("napari")
    assert manifest.contributions.commands
    for command in manifest.contributions.commands:
        module, name = command.python_name.split(":")
        assert module.startswith("napari_focusstack.ui.")
        assert callable(getattr(import_module(module), name)), command.id


def test_every_contribution_has_its_command(manifest):
    known = {command.id for command in manifest.contributions.commands}
    parts = manifest.contributions
    used = {item.command for group in (parts.readers, parts.writers, parts.widgets) for item in group or ()}
    used |= {sample.command for sample in parts.sample_data or ()}
    used |= {item.command for items in parts.menus.values() for item in items}
    assert used == known


def test_the_preferences_offer_the_methods_and_devices_there_are(manifest):
    from napari_focusstack.alignment import ALIGNERS
    from napari_focusstack.depth import DEPTH_ESTIMATORS
    from napari_focusstack.devices import DEVICES
    from napari_focusstack.fusion import FUSERS
    from napari_focusstack.recipe import Recipe

    pages = manifest.contributions.configurations
    methods, computing = pages["methods"].properties, pages["computing"].properties
    assert methods["align"].enum == [*ALIGNERS, "none"]
    assert methods["fuse"].enum == list(FUSERS)
    assert methods["depth"].enum == [*DEPTH_ESTIMATORS, "none"]
    assert computing["device"].enum == list(DEVICES)
    defaults = {key: methods[key].default for key in ("align", "fuse")} | {"device": computing["device"].default}
    assert Recipe(**defaults) == Recipe()
    assert methods["depth"].default == "sff"  # the window measures depth by itself, scripts when asked to
