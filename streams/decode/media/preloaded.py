"""Modules that libraries load when they first need them, which the sandbox forbids."""

import pkgutil
from importlib import import_module

import av

PILLOW = [
    import_module(f"PIL.{name}ImagePlugin") for name in ("Avif", "Bmp", "Gif", "Jpeg", "Mpo", "Png", "Tiff", "WebP")
]
"""MPO and TIFF may be parts of a JPEG."""
PYAV = [
    import_module(module.name)
    for module in pkgutil.walk_packages(av.__path__, "av.")
    if not module.name.endswith(".__main__")
]
