"""Programs `prometheus` and `promtool`: from the PATH, else from Debian's package unpacked in var/."""

import shutil
import subprocess
import tempfile
from pathlib import Path

from ops.java import VAR, UnavailableError, exclusive

HOW_TO_GET_IT = "install Prometheus and put prometheus and promtool on the PATH, or use Debian or Ubuntu"
_PACKAGE = "prometheus"
_FOLDER = VAR / "prometheus"
_DOWNLOAD_S = 300.0


def find(program: str) -> Path:
    """Return the path of `prometheus` or `promtool`; the package is downloaded once, without root.

    Raises
    ------
    UnavailableError
        If it is not on the PATH and cannot be downloaded; the message contains how to install it.
    """
    if (installed := shutil.which(program)) is not None:
        return Path(installed)
    path = _FOLDER / "usr" / "bin" / program
    with exclusive(VAR / "prometheus.lock"):
        if not path.exists():
            _unpack()
    return path


def _unpack() -> None:
    if missing := [tool for tool in ("apt-get", "dpkg") if shutil.which(tool) is None]:
        raise UnavailableError(f"no Prometheus here, and no {missing[0]} to download it: {HOW_TO_GET_IT}")
    with tempfile.TemporaryDirectory(dir=VAR, prefix="prometheus-") as scratch:
        # Package lists of its own: the machine's may be missing, and only root may write them.
        own = [f"-oDir::State::lists={scratch}/lists", f"-oDir::Cache={scratch}/cache", "-oAPT::Sandbox::User="]
        (Path(scratch) / "lists" / "partial").mkdir(parents=True)
        (Path(scratch) / "cache" / "archives" / "partial").mkdir(parents=True)
        _run(["apt-get", *own, "update"], scratch)
        _run(["apt-get", *own, "download", _PACKAGE], scratch)
        (package,) = Path(scratch).glob(f"{_PACKAGE}_*.deb")
        _run(["dpkg", "-x", package.name, "unpacked"], scratch)
        (Path(scratch) / "unpacked").rename(_FOLDER)


def _run(command: list[str], folder: str) -> None:
    try:
        subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True, timeout=_DOWNLOAD_S)  # noqa: S603  # our own command line
    except subprocess.TimeoutExpired as error:
        raise UnavailableError(f"{' '.join(command)} took more than {_DOWNLOAD_S:g} s: {HOW_TO_GET_IT}") from error
    except subprocess.CalledProcessError as error:
        reason = " ".join(error.stderr.split())[-300:]
        raise UnavailableError(f"{' '.join(command)} failed ({reason}): {HOW_TO_GET_IT}") from error
