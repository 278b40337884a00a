"""Make every exported model of the manifest before it is needed: python -m models.fetch FOLDER.

For an image, or a machine that later has no right to write. FOLDER is what JIKIMI_MODEL_CACHE_DIR will name.
"""

import sys
from pathlib import Path

from models.manifest import MANIFEST, ModelError, locate, read_manifest, verified_bytes


def fetch(cache: Path, manifest: Path = MANIFEST) -> list[str]:
    """Export what is pinned and not there yet, verify it, and return what is there, one line each.

    Raises
    ------
    ModelError
        A model cannot be made here, or its bytes are not the pinned ones.
    """
    # What is not pinned, or needs weights that no dependency brings, is the user's to bring.
    exported = [entry for entry in read_manifest(manifest) if entry.origin == "export"]
    entries = [entry for entry in exported if entry.sha256 and not entry.optional]
    for entry in entries:
        verified_bytes(entry, locate(entry, cache))
    return [f"{entry.name} {entry.version}: {entry.licence}" for entry in entries]


def main() -> int:
    """Fetch into the folder named on the command line."""
    if len(sys.argv) != 2:  # noqa: PLR2004 - the program and one folder
        sys.stderr.write("usage: python -m models.fetch FOLDER\n")
        return 2
    try:
        sys.stdout.write("".join(f"{line}\n" for line in fetch(Path(sys.argv[1]))))
    except ModelError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
