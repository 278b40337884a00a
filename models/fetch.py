"""Export every exported model of the manifest in advance: python -m models.fetch FOLDER.

For an image, or a machine without write permission later. Set JIKIMI_MODEL_CACHE_DIR to FOLDER.
"""

import argparse
import sys
from pathlib import Path

from models.manifest import MANIFEST, ModelError, locate, read_manifest, verified_bytes


def fetch(cache: Path, manifest: Path = MANIFEST) -> list[str]:
    """Export and verify the pinned models that are missing, and return one line for each.

    Raises
    ------
    ModelError
        A model cannot be exported here, or its bytes are not the pinned ones.
    """
    # The user supplies models that are not pinned, or whose weights come with no dependency.
    exported = [entry for entry in read_manifest(manifest) if entry.origin == "export"]
    entries = [entry for entry in exported if entry.sha256 and not entry.optional]
    for entry in entries:
        verified_bytes(entry, locate(entry, cache))
    return [f"{entry.name} {entry.version}: {entry.licence}" for entry in entries]


def main() -> int:
    """Export into the folder given on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    try:
        sys.stdout.write("".join(f"{line}\n" for line in fetch(folder)))
    except ModelError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
