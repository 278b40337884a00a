"""Kinds of media by file extension; our own table, because the system's differs between machines."""

from streams.links.urls import parts_of

_EXTENSIONS = {
    "video": "3gp avi flv m2ts m4v mkv mov mp4 mpeg mpg mts ogv ts webm wmv",
    "image": "avif bmp gif heic heif jpeg jpg jxl png tif tiff webp",
    "audio": "aac aiff amr flac m4a mp3 oga ogg opus wav wma",
}
KINDS = {extension: kind for kind, extensions in _EXTENSIONS.items() for extension in extensions.split()}


def kind_of(url: str) -> str | None:
    """Return video, image or audio by the file extension of an address; None for any other address."""
    parts = parts_of(url)
    _, dot, extension = parts.path.rpartition("/")[2].rpartition(".")
    return KINDS.get(extension.lower()) if dot and parts.scheme in {"http", "https"} else None
