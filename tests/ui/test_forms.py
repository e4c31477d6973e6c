"""Forms from signatures."""

from typing import Annotated, Literal

import pytest
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import QApplication, QCheckBox, QComboBox, QDoubleSpinBox, QLabel, QLineEdit, QSpinBox

from napari_focusstack import ALIGNERS, DEPTH_ESTIMATORS
from napari_focusstack.diffusion import eliminate_diffusion
from napari_focusstack.methods import options_of
from napari_focusstack.ui.forms import MethodForm, OptionsForm, human

Range = Annotated[float, {"min": 0.5, "max": 20.0}]


def everything(
    frames,
    *,
    sigma: Range = 2.0,
    levels: Annotated[int | None, {"min": 1, "max": 12}] = None,
    count: int = 3,
    small: Annotated[float, {"min": 0.0, "max": 1.0}] = 0.001,
    gain: Annotated[float | None, {"min": 0.0, "max": 1.0}] = None,
    keep_range: bool = False,
    maybe: bool | None = None,
    kind: Literal["laplacian", "tenengrad"] = "laplacian",
    taps: Literal[6, 14] | None = 6,
    name: str = "a",
    channel: int = -1,
):
    """Do everything: one sentence of help.

    Parameters
    ----------
    sigma : float
        Width of the neighbourhood <in px>.
    """


def nothing_to_choose(frames):
    """Need no options."""


@pytest.fixture
def form(qtbot):
    form = OptionsForm(options_of(everything))
    qtbot.addWidget(form)
    return form


def field(form, name):
    return form._fields[name].widget


def test_each_type_has_its_widget(form):
    kinds = {name: type(field(form, name)).__mro__ for name in options_of(everything)}
    for name, kind in {
        "sigma": QDoubleSpinBox,
        "levels": QSpinBox,
        "count": QSpinBox,
        "gain": QDoubleSpinBox,
        "keep_range": QCheckBox,
        "maybe": QComboBox,
        "kind": QComboBox,
        "taps": QComboBox,
        "name": QLineEdit,
    }.items():
        assert kind in kinds[name], name


def test_at_first_nothing_differs_from_the_defaults(form):
    assert form.values() == {}
    for name, option in options_of(everything).items():
        assert form._fields[name].get() == option.default, name


def test_values_go_in_and_come_out_with_their_types(form):
    values = {
        "sigma": 3.25,
        "levels": 4,
        "count": -7,
        "small": 0.0002,
        "gain": 0.0,
        "keep_range": True,
        "maybe": False,
        "kind": "tenengrad",
        "taps": None,
        "name": "b",
        "channel": 2,
    }
    form.set_values(values)
    assert form.values() == values
    for name, option in options_of(everything).items():
        option.check(form.values()[name])
    form.set_values({"levels": 4})
    assert form.values() == {"levels": 4}
    form.set_values({"levels": None})
    assert form.values() == {}


def test_numbers_stay_in_range_and_none_reads_automatic(form):
    sigma, levels = field(form, "sigma"), field(form, "levels")
    sigma.setValue(100)
    assert form.values() == {"sigma": 20.0}
    assert levels.text() == "automatic"
    levels.setValue(levels.minimum() + 1)
    assert form.values()["levels"] == 1
    assert sigma.text() == "20"


def test_labels_and_tooltips_are_for_people(form):
    assert human("keep_range") == "Keep range"
    assert human("ecc") == "ECC"
    assert field(form, "sigma").toolTip() == "<p>Width of the neighbourhood &lt;in px&gt;. (0.5 to 20)</p>"


def test_no_label_or_choice_is_an_abbreviation(qtbot):
    texts = set()
    for method in (ALIGNERS["ecc"], DEPTH_ESTIMATORS["sff"], eliminate_diffusion):
        form = OptionsForm(options_of(method))
        qtbot.addWidget(form)
        texts |= {label.text() for label in form.findChildren(QLabel)}
        texts |= {combo.itemText(i) for combo in form.findChildren(QComboBox) for i in range(combo.count())}
    assert not {"Leave out", "PSF", "Form", "sml", "guo", "lorentzian", "auto"} & texts
    assert {"Omit misfits", "modified Laplacian", "Lorentzian fit", "automatic"} <= texts


def test_choices_go_into_recipes_by_their_names(qtbot):
    form = OptionsForm(options_of(DEPTH_ESTIMATORS["sff"]))
    qtbot.addWidget(form)
    form.set_values({"measure": "tenengrad", "peak": "guo"})
    assert form.values() == {"measure": "tenengrad", "peak": "guo"}


def test_a_change_is_told(form, qtbot):
    for name, change in {
        "keep_range": lambda w: w.setChecked(True),
        "sigma": lambda w: w.setValue(5),
        "kind": lambda w: w.setCurrentIndex(1),
    }.items():
        with qtbot.waitSignal(form.changed, timeout=1000):
            change(field(form, name))


def test_the_wheel_scrolls_the_panel_and_changes_no_value(form, qtbot):
    combo = field(form, "kind")
    point = QPointF(5, 5)
    wheel = QWheelEvent(
        point,
        point,
        QPoint(0, -10),
        QPoint(0, -120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(combo, wheel)
    assert combo.currentText() == "Laplacian"
    assert not wheel.isAccepted()


@pytest.fixture
def methods(qtbot):
    form = MethodForm(
        {"everything": everything, "plain": nothing_to_choose}, nothing="As they are.", hidden=frozenset({"channel"})
    )
    qtbot.addWidget(form)
    return form


def test_methods_are_offered_with_help(methods):
    combo = methods._combo
    assert [combo.itemText(i) for i in range(combo.count())] == ["Everything", "Plain", "None"]
    assert methods._help.text() == "Do everything: one sentence of help."
    methods.choose("none")
    assert (methods.method, methods._help.text(), methods.options()) == ("none", "As they are.", {})


def test_hidden_options_have_no_field(methods):
    assert "channel" not in methods._forms["everything"]._fields


def test_values_are_remembered_per_method(methods):
    methods.choose("everything", {"sigma": 3.0})
    methods.choose("plain")
    assert methods.options() == {}
    methods.choose("everything")
    assert methods.options() == {"sigma": 3.0}
    methods.choose("everything", {})
    assert methods.options() == {}


def test_reset_forgets_all_values(methods):
    methods.choose("everything", {"sigma": 3.0})
    methods.reset("plain")
    assert methods.method == "plain"
    methods.choose("everything")
    assert methods.options() == {}
