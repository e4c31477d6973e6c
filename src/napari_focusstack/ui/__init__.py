"""The napari plugin: the only folder that imports napari, Qt, magicgui or superqt; nothing imports it."""
