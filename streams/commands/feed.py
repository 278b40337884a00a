"""`jikimi feed`: posts and removals from platforms, files and requests."""

import asyncio
import sys
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

import typer

from streams.commands.console import console
from streams.commands.hints import hint
from streams.commands.needs import needs
from streams.errors import UsageError
from streams.secrets.settings import has_credentials
from streams.settings import Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from streams.feeds.batch import Feed
    from streams.feeds.kafka_topic.mapping import TopicMapping

app = typer.Typer(no_args_is_help=True, help="Run a feed of posts and removals.")


@app.command("folder")
@needs("operate")
def feed_folder(
    directory: Path, once: Annotated[bool, typer.Option(help="Exit when every file has been processed.")] = False
) -> None:
    """Make a post of each media file in a folder, including files added later."""
    from streams.feeds.files.folder import follow_folder  # noqa: PLC0415 - only this command needs it

    if not directory.is_dir():
        raise UsageError(f"{directory} is not a folder")
    folder, settings = directory.resolve(), load_settings()
    if not any(folder.is_relative_to(root.resolve()) for root in settings.media.file_roots):
        hint(f"decode refuses these files unless its JIKIMI_MEDIA_FILE_ROOTS names the folder: {folder}")
    _run(settings, f"folder/{folder}", partial(follow_folder, folder, once=once))


@app.command("jsonl")
@needs("operate")
def feed_jsonl(file: str) -> None:
    """Make a post of each line of a file, after the last line read; - reads standard input."""
    from streams.feeds.files.jsonl import read_jsonl  # noqa: PLC0415 - likewise

    try:
        lines = nullcontext(sys.stdin.buffer) if file == "-" else Path(file).open("rb")  # noqa: SIM115 - closed by the with below
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}") from error
    # Several pipes may be fed at once, so each has a name, and with it a cursor, of its own.
    name = f"jsonl/{uuid4()}" if file == "-" else f"jsonl/{Path(file).resolve()}"
    with lines as stream:
        _run(load_settings(), name, partial(read_jsonl, stream, file))


@app.command("jetstream")
@needs("operate")
def feed_jetstream(  # noqa: PLR0917 - the options of the command
    wire: Annotated[int, typer.Option(min=1, max=2, help="Wire format of the server.")] = 2,
    url: Annotated[str | None, typer.Option(help="Address of the server; a public one by default.")] = None,
    media_only: Annotated[bool, typer.Option(help="Leave out posts without pictures or video.")] = False,
    pds: Annotated[str, typer.Option(help="Server whose getBlob serves the media.")] = "https://bsky.social",
    stall_s: Annotated[float, typer.Option(min=1, help="Seconds of silence before a reconnection.")] = 30.0,
    name: Annotated[str | None, typer.Option(help="Name of the cursor, to run several feeds.")] = None,
) -> None:
    """Follow Bluesky: posts, edits, deletions and removed or restored accounts."""
    from streams.feeds.bluesky.jetstream import FEED, JetstreamFeed  # noqa: PLC0415 - likewise
    from streams.feeds.bluesky.server import SERVERS, JetstreamOptions  # noqa: PLC0415 - likewise
    from streams.feeds.connection import reconnecting  # noqa: PLC0415 - likewise

    server = url or SERVERS[wire]
    _refuse_credentials(server, pds)
    options = JetstreamOptions(
        wire=1 if wire == 1 else 2, url=server, media_only=media_only, pds=pds.rstrip("/"), stall_s=stall_s
    )
    feed = f"{FEED}/{name}" if name else FEED
    _run(load_settings(), feed, lambda progress: reconnecting(FEED, JetstreamFeed(options, progress).session))


@app.command("http")
@needs("operate")
def feed_http(
    host: Annotated[str, typer.Option(help="Address to listen on; any but loopback needs a token.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 for any free one.", min=0, max=65535)] = 8080,
    name: Annotated[str, typer.Option(help="Name of this instance, to run several.")] = "",
) -> None:
    """Accept posts and removals over HTTP, at /v1/posts and /v1/removals; show platforms their takedowns.

    A platform whose entry in JIKIMI_DELIVERY_PLATFORMS has a `reader_secret` reads them at /v1/takedowns.
    """
    from streams.delivery.reading.routes import platform_access, platform_routes  # noqa: PLC0415 - likewise
    from streams.feeds.http.app import FEED  # noqa: PLC0415 - likewise
    from streams.feeds.http.feed import HttpFeed  # noqa: PLC0415 - likewise

    settings = load_settings()
    access = platform_access(settings)
    feed = HttpFeed(settings.http, host, port, platform_routes(access) if access is not None else ())
    console.print(f"listening on {feed.address}", highlight=False)
    _run(settings, f"{FEED}/{name}" if name else FEED, feed.batches, feed.on_outage)


@app.command("mastodon")
@needs("operate")
def feed_mastodon(
    server: Annotated[str, typer.Argument(help="Address, such as https://mastodon.social.")],
    stream: Annotated[str, typer.Option(help="Name in the API, such as public:remote:media.")] = "public",
    tag: Annotated[str | None, typer.Option(help="Hashtag of the stream hashtag.")] = None,
    via: Annotated[str, typer.Option(help="Transport: sse or websocket.")] = "sse",
    stall_s: Annotated[float, typer.Option(min=1, help="Seconds of silence before a reconnection.")] = 60.0,
) -> None:
    """Follow a stream of a Mastodon server, with the token in JIKIMI_MASTODON_TOKEN."""
    from streams.feeds.connection import reconnecting  # noqa: PLC0415 - likewise
    from streams.feeds.mastodon.feed import FEED, MastodonFeed  # noqa: PLC0415 - likewise
    from streams.feeds.mastodon.server import Server  # noqa: PLC0415 - likewise
    from streams.feeds.mastodon.stream import STREAMS, Stream  # noqa: PLC0415 - likewise

    if stream not in STREAMS:
        raise UsageError(f"no stream {stream!r}; the streams are {', '.join(STREAMS)}")
    if stream.startswith("hashtag") != bool(tag):
        raise UsageError("--tag and --stream hashtag need each other")
    if via not in {"sse", "websocket"} or not server.startswith(("http://", "https://")):
        raise UsageError("give the server as https://…, and --via as sse or websocket")
    _refuse_credentials(server)
    settings = load_settings()
    token = settings.mastodon_token.get_secret_value()
    client = Server(server.rstrip("/"), Stream(stream, tag), token, "sse" if via == "sse" else "websocket", stall_s)
    name = "/".join(filter(None, [FEED, client.url, stream, tag]))
    _run(settings, name, lambda progress: reconnecting(FEED, MastodonFeed(client, progress).session))


@app.command("search")
@needs("operate")
def feed_search(
    once: Annotated[bool, typer.Option("--once", help="Ask each platform for each word once, and exit.")] = False,
) -> None:
    """Ask platforms for the words that `jikimi case search` keeps on this machine, in turn and within budgets.

    The platforms are those of JIKIMI_SEARCH_BLUESKY and JIKIMI_SEARCH_MASTODON. Words are sent to them in clear.
    """
    from streams.desk.search.run import search_batches  # noqa: PLC0415 - likewise

    settings = load_settings()
    settings.required_term_key()
    _run(settings, "search", lambda progress: search_batches(settings, progress, once=once))


@app.command("topic")
@needs("operate")
def feed_topic(
    mapping: Annotated[Path, typer.Option(help="Mapping file of records to posts and removals; TOML or YAML.")],
    sample: Annotated[
        Path | None, typer.Option(help="Print what becomes of these records, JSON one a line; nothing is written.")
    ] = None,
) -> None:
    """Make posts and removals from a platform's own Kafka topic."""
    from streams.feeds.kafka_topic.feed import TopicFeed  # noqa: PLC0415 - likewise
    from streams.feeds.kafka_topic.mapping import load_mapping  # noqa: PLC0415 - likewise
    from streams.feeds.kafka_topic.offsets import FEED  # noqa: PLC0415 - likewise
    from streams.feeds.kafka_topic.record_format import value_decoder  # noqa: PLC0415 - likewise
    from streams.feeds.kafka_topic.source import source_settings  # noqa: PLC0415 - likewise

    mapped = load_mapping(mapping)
    if sample is not None:
        _print_sample(mapped, sample)
        return
    settings = load_settings()
    with value_decoder(mapped.source) as decode:
        feed = TopicFeed(mapped, decode, source_settings(mapped.source, settings))
        _run(settings, f"{FEED}/{mapped.name}", feed.batches)


def _print_sample(mapping: "TopicMapping", sample: Path) -> None:
    from streams.feeds.kafka_topic.sample import mapped_lines  # noqa: PLC0415 - likewise

    try:
        with sample.open("rb") as records:
            for line in mapped_lines(mapping, records):
                print(line)  # noqa: T201
    except OSError as error:
        raise UsageError(f"{sample}: {error.strerror}") from error


def _refuse_credentials(*addresses: str) -> None:
    if any(has_credentials(address) for address in addresses):
        raise UsageError("an address with a user or password is visible to everybody on this machine: leave it out")


def _run(settings: Settings, name: str, feed: "Feed", on_outage: "Callable[[str], None]" = lambda _: None) -> None:
    from streams.feeds.runner import run_feed  # noqa: PLC0415 - likewise

    asyncio.run(run_feed(settings, name, feed, console, on_outage))
