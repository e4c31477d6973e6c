"""Who may know whom: imports checked in the source, and in processes that lack napari and Qt."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "napari_focusstack"
MODULES = sorted(SOURCE.rglob("*.py"))
WINDOW = {"napari", "qtpy", "magicgui", "superqt", "PyQt6", "PySide6", "vispy", "app_model"}
MAY_KNOW = {  # a module or package of ours, and which others it may import
    "arrays": {"progress"},
    "progress": set(),
    "methods": set(),
    "devices": set(),
    "color": set(),
    "units": set(),
    "files": set(),
    "metrics": {"arrays", "metrics"},
    "focus": {"arrays", "methods"},
    "optics": {"optics"},
    "kernels": {"arrays", "devices", "progress", "kernels", "color", "focus"},
    "io": {"arrays", "progress", "color", "files", "units", "io"},
    "alignment": {"arrays", "files", "progress", "methods", "devices", "color", "focus", "kernels", "alignment"},
    "sharpest": {"arrays", "focus", "kernels"},
    "fusion": {"arrays", "color", "progress", "methods", "devices", "focus", "kernels", "nets", "sharpest", "fusion"},
    "depth": {
        "arrays",
        "files",
        "progress",
        "methods",
        "devices",
        "focus",
        "kernels",
        "nets",
        "sharpest",
        "depth",
        "units",
    },
    "diffusion": {"arrays", "color", "focus", "devices", "kernels", "methods", "nets", "progress", "diffusion"},
    "capture": {"arrays", "progress", "focus", "kernels", "capture"},
    "simulation": {"arrays", "progress", "color", "optics", "simulation"},
    "nets": {"arrays", "color", "devices", "files", "methods", "nets", "progress", ""},
    "training": {
        "alignment",
        "arrays",
        "color",
        "depth",
        "devices",
        "diffusion",
        "files",
        "focus",
        "fusion",
        "io",
        "kernels",
        "methods",
        "metrics",
        "nets",
        "optics",
        "progress",
        "recipe",
        "series",
        "simulation",
        "stages",
        "sweep",
        "training",
        "",
    },
    "recipe": {"alignment", "depth", "diffusion", "files", "fusion", "methods", "devices", "", "units"},
    "series": {"arrays"},
    "sweep": {"alignment", "arrays", "depth", "recipe", "units"},
    "stages": {"alignment", "arrays", "color", "depth", "diffusion", "fusion", "recipe", "series", "sweep"},
    "pipeline": {
        "alignment",
        "arrays",
        "color",
        "depth",
        "diffusion",
        "io",
        "progress",
        "recipe",
        "series",
        "stages",
        "sweep",
    },
    "bars": {"progress"},
    "arguments_training": {"devices", "fusion"},
    "arguments": {"alignment", "arguments_training", "depth", "diffusion", "fusion", "methods", "devices", "", "units"},
    "outputs": {"depth", "io", "pipeline", "recipe", "units"},
    "cli_training": {"bars", "nets", "training"},
    "__main__": {"cli"},
    "cli": {
        "alignment",
        "arguments",
        "bars",
        "capture",
        "cli_training",
        "devices",
        "io",
        "outputs",
        "pipeline",
        "recipe",
        "simulation",
        "tuned_run",
    },
    "tuned_run": {"alignment", "io", "pipeline", "recipe", "training"},
}


def imports_of(path: Path) -> list[tuple[str, bool]]:
    """Dotted names that a module imports, and whether at its top (not inside a function, not for type checking)."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    late = {
        id(inner)
        for outer in ast.walk(tree)
        if isinstance(outer, ast.FunctionDef | ast.AsyncFunctionDef)
        or (isinstance(outer, ast.If) and "TYPE_CHECKING" in ast.dump(outer.test))
        for inner in ast.walk(outer)
        if inner is not outer
    }
    package = ["napari_focusstack", *path.relative_to(SOURCE).parts[:-1]]
    found = []
    for node in ast.walk(tree):
        top = id(node) not in late
        if isinstance(node, ast.Import):
            found += [(alias.name, top) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            whole = ".".join([*base, *([node.module] if node.module else [])])
            found += [(f"{whole}.{alias.name}", top) for alias in node.names] if node.level else [(whole, top)]
    return found


def home_of(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_only_ui_knows_the_window(path):
    roots = {name.partition(".")[0] for name, _ in imports_of(path)}
    if home_of(path) != "ui":
        assert not roots & WINDOW
        assert not [name for name, _ in imports_of(path) if name.startswith("napari_focusstack.ui")]


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_modules_know_only_those_they_may(path):
    home = home_of(path)
    if home in ("ui", "__init__"):
        return
    ours = [name.split(".") for name, _ in imports_of(path) if name.startswith("napari_focusstack.")]
    known = {parts[1] if (SOURCE / parts[1]).is_dir() or (SOURCE / f"{parts[1]}.py").exists() else "" for parts in ours}
    assert known <= MAY_KNOW[home], f"{home} imports {known - MAY_KNOW[home]}"


def test_every_module_of_the_table_is_there():
    assert {
        p.name.removesuffix(".py") for p in SOURCE.iterdir() if p.suffix == ".py" or (p / "__init__.py").exists()
    } >= set(MAY_KNOW)


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_files_are_short_and_torch_is_late(path):
    assert path.read_text(encoding="utf-8").count("\n") <= 320
    if home_of(path) not in ("simulation", "optics", "nets", "training") and not path.stem.endswith("_gpu"):
        assert "torch" not in {name.partition(".")[0] for name, top in imports_of(path) if top}


def in_a_fresh_process(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_the_package_is_light():
    heavy = ("torch", "numba", "qtpy", "napari", "cv2")
    code = f"import sys, napari_focusstack; print([m for m in {heavy} if m in sys.modules])"
    assert in_a_fresh_process(code).strip() == "[]"


def test_describing_checkpoints_is_light():
    code = "import sys, napari_focusstack.nets.checkpoint as c; c.list_checkpoints(); print('torch' in sys.modules)"
    assert in_a_fresh_process(code).strip() == "False"


def test_loading_networks_needs_no_compiler():
    code = (
        "import sys, napari_focusstack.nets.checkpoint as c\n"
        "for shipped in c.list_checkpoints(): c.load_network(c.read_checkpoint(shipped.name), 'cpu')\n"
        "print('torch' in sys.modules, 'torch._dynamo' in sys.modules)"
    )
    assert in_a_fresh_process(code).strip() == "True False"


def test_the_smallest_recipe_runs_without_napari_and_qt():
    code = f"""
import sys
for name in {sorted(WINDOW - {"PyQt6", "PySide6"})}:
    sys.modules[name] = None
import numpy as np
from napari_focusstack import Recipe, run
frames = np.random.default_rng(0).integers(0, 255, (3, 32, 40, 3), np.uint8)
result = run(frames, Recipe(align="none", fuse="average"))
print(result.image.shape, result.image.dtype, 'torch' in sys.modules)
"""
    assert in_a_fresh_process(code).strip() == "(32, 40, 3) uint8 False"


def test_every_public_name_is_there():
    code = "import napari_focusstack as n; print(all(getattr(n, name) is not None for name in n.__all__))"
    assert in_a_fresh_process(code).strip() == "True"


def test_an_unknown_name_is_refused():
    import napari_focusstack

    with pytest.raises(AttributeError, match="has no attribute 'fusee'"):
        napari_focusstack.fusee  # noqa: B018
    assert "fuse" in dir(napari_focusstack)


def test_tests_have_names_of_their_own():
    """Pytest imports them as top-level modules: two of one name would be one."""
    names = [path.name for path in Path(__file__).parent.rglob("test_*.py")]
    assert sorted(set(names)) == sorted(names)
