"""Links that are checked and words that are searched, on a running system: found, judged, acted on."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from PIL import Image

from streams.desk.checking.answer import Answer
from tests.integration.system import System, by_key
from tests.support.deadline import DEADLINE_S
from tests.support.platforms.http_server import LocalServer, Response
from tests.unit.decode.made import moving, tone, video
from tests.unit.desk.checking.trouble import Site, links, meta, page
from tests.unit.desk.search.served import Searched, status

TERM = "milkyway77"


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return video(tmp_path_factory.mktemp("files") / "film.mp4", moving(80, shot_frames=12), sound=tone(8.0))


@contextmanager
def running(server: LocalServer) -> Iterator[None]:
    """Run a server in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def call(work: object) -> None:
        asyncio.run_coroutine_threadsafe(work, loop).result(DEADLINE_S)  # type: ignore[arg-type]

    call(server.__aenter__())
    try:
        yield
    finally:
        call(server.__aexit__(None, None, None))
        call(asyncio.sleep(0.05))  # transports close in the loop's next rounds
        loop.call_soon_threadsafe(loop.stop)
        thread.join(DEADLINE_S)
        loop.close()


@pytest.fixture(scope="module")
def site(film: Path) -> Iterator[Site]:
    made = Site(film.read_bytes())
    with running(made):
        yield made


@pytest.fixture(scope="module")
def case_id(shared: System, film: Path) -> str:
    # So long a join window that no verdict depends on the machine's load.
    shared.environment |= {"JIKIMI_MEDIA_ALLOWED_HOSTS": '["127.0.0.1"]', "JIKIMI_FUSION_DEADLINE_S": str(DEADLINE_S)}
    shared.worker("all")
    answer = shared.jikimi_here("case", "add", "--name", "river", "--reference", str(film), "--term", TERM, "--yes")
    assert answer.code == 0, answer.err
    return answer.out.strip()


def checked(system: System, *arguments: str, stdin: str = "") -> tuple[int, dict[str, Answer]]:
    """Return the exit code, and the answers by address."""
    answer = system.jikimi("check", "--json", "--wait", str(DEADLINE_S), *arguments, stdin=stdin.encode())
    found = [msgspec.json.decode(line, type=Answer) for line in answer.out.splitlines()]
    assert len({one.address for one in found}) == len(found), answer.err
    return answer.code, {one.address: one for one in found}


def test_each_of_fifty_links_has_one_answer_and_the_copies_are_taken_down(
    shared: System, case_id: str, site: Site
) -> None:
    wanted = links(site)
    code, found = checked(
        shared,
        "--file",
        "-",
        "--why",
        "she brought them",
        stdin="# a victim's list\n" + "\n".join(one.address for one in wanted),
    )
    assert code == 3
    assert set(found) == {one.address for one in wanted}
    for link in wanted:
        answer = found[link.address]
        if isinstance(link.media, str):
            assert (answer.result, answer.reason) == ("unread", link.media)
        elif "/clip.mp4" in link.media:
            assert (answer.result, [one.case_id for one in answer.found]) == ("act", [case_id]), answer
            assert answer.found[0].takedown_id
        else:
            assert answer.result in {"unread", "nothing"}  # its media are 404
    acts = [kept.message for kept in shared.records("acts") if kept.message.act == "extend"]
    assert (acts[-1].detail, acts[-1].why) == ("50 addresses checked", "she brought them")


def test_a_link_that_is_checked_again_is_judged_again_and_has_one_takedown(
    shared: System, case_id: str, site: Site
) -> None:
    address = f"{site.url}/again.mp4"
    site.pages["/again.mp4"] = site.pages["/clip.mp4"]
    first, second = (checked(shared, address, "--case", case_id)[1][address] for _ in range(2))
    assert first.result == second.result == "act"
    assert first.found[0].takedown_id == second.found[0].takedown_id != ""
    post_id = first.post_id
    assert len({post.seen_at for post in by_key(shared.records("posts"), post_id)}) == 2
    del site.pages["/again.mp4"]
    code, found = checked(shared, address)
    assert (code, found[address].reason) == (5, "link_gone")


def test_a_video_that_its_page_names_in_a_script_only_is_found_by_yt_dlp(
    shared: System, case_id: str, site: Site
) -> None:
    player = '<div id="p"></div><script>jwplayer("p").setup({"file": "/clip.mp4"});</script>'
    site.pages["/script"] = page("<title>a river</title>", body=player)
    code, found = checked(shared, f"{site.url}/script")
    answer = found[f"{site.url}/script"]
    assert (code, answer.result, [one.case_id for one in answer.found]) == (3, "act", [case_id]), answer


def test_a_page_without_a_trace_of_any_case_is_clear_and_a_name_asks_a_person(
    shared: System, case_id: str, site: Site, tmp_path: Path
) -> None:
    Image.linear_gradient("L").convert("RGB").save(tmp_path / "sky.png")
    site.pages["/sky.png"] = Response(200, (tmp_path / "sky.png").read_bytes())
    site.pages["/other"] = page(meta("og:image", "/sky.png"), "<title>a walk in the rain</title>")
    site.pages["/named"] = page(meta("og:image", "/sky.png"), f"<title>{TERM} full film</title>")
    code, found = checked(shared, f"{site.url}/other")
    assert (code, found[f"{site.url}/other"].result) == (0, "nothing"), found
    code, found = checked(shared, f"{site.url}/named")
    assert (code, found[f"{site.url}/named"].found[0].case_id) == (4, case_id)


def test_a_word_is_searched_and_what_is_found_is_judged_and_taken_down_once(
    shared: System, case_id: str, site: Site
) -> None:
    searched = Searched()
    searched.statuses = [status(7, f"{TERM} here", video=f"{site.url}/clip.mp4"), status(8, "a walk in the rain")]
    assert shared.jikimi_here("case", "search", case_id, TERM).out == f"{TERM}\n"
    with running(searched):
        asked = {"JIKIMI_SEARCH_MASTODON": searched.url, "JIKIMI_DELIVERY_ALLOWED_HOSTS": '["127.0.0.1"]'}
        first = shared.jikimi_here("feed", "search", "--once", environment=asked)
        again = shared.jikimi_here("feed", "search", "--once", environment=asked)
    assert (first.code, first.out) == (0, "1 posts, 0 refused\n"), first.err
    assert (again.code, again.out) == (0, "0 posts, 0 refused\n"), again.err
    url = searched.statuses[0]["url"]
    events = shared.wait("takedowns", lambda kept: [one.message for one in kept if one.message.post.url == url])
    assert (events[0].case_id, events[0].post.platform) == (case_id, "mastodon")
    assert TERM not in repr([kept.message for kept in shared.records("feed-cursors")])


def test_a_call_without_links_or_with_an_unknown_case_is_refused(shared: System) -> None:
    for arguments in (["check"], ["check", "https://site.example/", "--case", "nobody"]):
        answer = shared.jikimi_here(*arguments)
        assert (answer.code, answer.out) == (2, "")
        assert "links" in answer.err or "no case nobody" in answer.err
