"""Stack a folder of photographs or raw files with a recipe, and keep the record beside the picture.

Usage: python stack_folder.py FOLDER [RECIPE.json]
"""

import sys
from pathlib import Path

from napari_focusstack import Recipe, read_burst, run, write_image

folder = Path(sys.argv[1])
recipe = Recipe(align_options={"motion": "similarity"}, fuse="pyramid")
if len(sys.argv) > 2:
    recipe = Recipe.from_json(Path(sys.argv[2]).read_text())

burst = read_burst(folder)
result = run(burst, recipe)
print(result.alignments[0].report())

write_image(folder.with_name(f"{folder.name}_fused.tif"), result.image, like=burst)
write_image(folder.with_name(f"{folder.name}_index.tif"), result.index, like=burst)
folder.with_name(f"{folder.name}_recipe.json").write_text(result.recipe.to_json())
