"""A withdrawal in the console: at once out of force, then erased and proved, and continued after a kill."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import msgspec
import pytest

from streams.console.erasures import MAX_WAITING, Erasures
from streams.console.site import Site
from streams.desk.erasure.noted import ErasureBook, ErasureNote
from streams.desk.erasure.proof import Proof
from streams.desk.erasure.steps import Show, Step
from streams.desk.withdraw_case import write_proof
from streams.errors import UsageError
from streams.rights.person import Person
from streams.settings import Settings, load_settings
from tests.support.deadline import DEADLINE_S
from tests.unit.console.made_site import MINA, RecordedActions, ago, browser, fill, made_site, put, token

SENT = {"name": " violet ", "why": "she asked for it"}


class Broker:
    """Erases as the desk does, without a broker; waits in its first step until it may go on."""

    def __init__(self) -> None:
        self.began: list[tuple[str, str, int]] = []
        self.may_end = threading.Event()
        self.fault = ""
        self.is_clean = True

    def erase(self, settings: Settings, note: ErasureNote, person: Person, wait_s: float, show: Show) -> ErasureNote:
        assert wait_s > 0
        self.began.append((note.case_id, person.name, note.erased))
        show(Step("compacting", {"topics": "cases", "seconds": "288"}))
        self.may_end.wait()
        show(Step("reading", {"topic": "labels", "number": "5", "n_topics": "14", "records": "20,000"}))
        if self.fault:
            raise UsageError(self.fault)
        book = ErasureBook(settings)
        proof = Proof(case_id=note.case_id, started_at=ago(), bootstrap_servers="broker:9092", topic_prefix="")
        write_proof(proof, book.proof_file(note.case_id))
        ended = msgspec.structs.replace(note, ended_at=ago(), is_clean=self.is_clean)
        book.write(ended)
        return ended


@asynccontextmanager
async def running(folder: Path, broker: Broker) -> AsyncIterator[tuple[Site, RecordedActions, httpx.AsyncClient]]:
    """Yield a console and its browser; stopped at the end as by Ctrl-C."""
    erasures = Erasures(load_settings(desk_folder=folder), broker.erase)
    with made_site(folder=folder, erasures=erasures) as (site, actions):
        fill(site.store)
        async with browser(site) as client:
            yield site, actions, client
        stopping = asyncio.create_task(erasures.stop())
        await asyncio.sleep(0)
        broker.may_end.set()
        await stopping


@pytest.fixture
def broker() -> Iterator[Broker]:
    made = Broker()
    yield made
    made.may_end.set()


async def withdraw(site: Site, client: httpx.AsyncClient, **fields: str) -> httpx.Response:
    return await client.post("/cases/case-a/withdraw", data={"token": token(site)} | SENT | fields)


async def until_ended(site: Site, case_id: str = "case-a") -> None:
    async with asyncio.timeout(DEADLINE_S):
        while site.erasures.running(case_id) is not None:  # noqa: ASYNC110 - a thread ends it
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [({"name": "maple"}, "That is not the pseudonym"), ({"why": " "}, "A withdrawal needs a reason")],
)
async def test_a_case_is_withdrawn_only_with_its_pseudonym_and_a_reason(
    tmp_path: Path, broker: Broker, fields: dict[str, str], sentence: str
) -> None:
    async with running(tmp_path, broker) as (site, actions, client):
        answer = await withdraw(site, client, **fields)
        assert (answer.status_code, sentence in answer.text) == (409, True)
        assert (actions.done, site.erasures.notes(), broker.began) == ([], [], [])


async def test_a_withdrawal_is_erased_in_the_background_and_its_proof_shown_and_offered(
    tmp_path: Path, broker: Broker
) -> None:
    async with running(tmp_path, broker) as (site, actions, client):
        sent = await withdraw(site, client)
        assert (sent.status_code, sent.headers["location"]) == (303, "/erasures/case-a")
        assert actions.done == [("withdraw", "case-a", "she asked for it")]
        put(site.store, "cases", ("case-a", None))
        async with asyncio.timeout(DEADLINE_S):
            while not broker.began:  # noqa: ASYNC110 - a thread sets it
                await asyncio.sleep(0.01)
        html = (await client.get("/erasures/case-a")).text
        assert "Waiting for the broker to erase cases from its files, at most 288 s more." in html
        korean = (await client.get("/erasures/case-a", headers={"accept-language": "ko"})).text
        assert "길어도 288초 남았습니다" in korean
        again = await withdraw(site, client)  # the back button
        await client.post("/erasures/case-a", data={"token": token(site)})  # a second tab
        assert again.headers["location"] == "/erasures/case-a"
        broker.may_end.set()
        await until_ended(site)
        assert broker.began == [("case-a", "account", 3)]
        assert "Nothing is left that can be erased" in (await client.get("/erasures/case-a")).text
        proof = await client.get("/erasures/case-a/proof")
        assert msgspec.json.decode(proof.content, type=Proof).case_id == "case-a"
        assert 'attachment; filename="case-a-proof.json"' in proof.headers["content-disposition"]
        assert (await client.get("/cases/case-a/withdraw")).headers["location"] == "/erasures/case-a"


async def test_an_erasure_that_was_killed_is_named_at_the_next_start_and_goes_on(
    tmp_path: Path, broker: Broker
) -> None:
    async with running(tmp_path, broker) as (site, _, client):
        await withdraw(site, client)
    after = Broker()
    after.may_end.set()
    async with running(tmp_path, after) as (site, _, client):
        put(site.store, "cases", ("case-a", None))
        assert "Withdrawals whose erasure is not finished: 1" in (await client.get("/")).text
        html = (await client.get("/erasures/case-a")).text
        assert "The erasure was interrupted before there was a proof" in html
        assert (await client.get("/erasures/case-a/proof")).status_code == 404
        await client.post("/erasures/case-a", data={"token": token(site)})
        await until_ended(site)
        assert after.began == [("case-a", "account", 3)]
        assert "Nothing is left that can be erased" in (await client.get("/erasures/case-a")).text
        assert "whose erasure is not finished" not in (await client.get("/")).text


async def test_a_lost_broker_and_a_proof_of_something_left_can_go_on(tmp_path: Path, broker: Broker) -> None:
    broker.may_end.set()
    broker.fault = "broker:9092: not reachable; repeat the command"
    async with running(tmp_path, broker) as (site, _, client):
        await withdraw(site, client)
        put(site.store, "cases", ("case-a", None))
        await until_ended(site)
        assert "not reachable" in (await client.get("/erasures/case-a")).text
        broker.fault, broker.is_clean = "", False
        await client.post("/erasures/case-a", data={"token": token(site)})
        await until_ended(site)
        html = (await client.get("/erasures/case-a")).text
        assert "Something is left that should have been erased" in html
        assert "not reachable" not in html
        assert "Go on with the erasure" in html


async def test_erasures_wait_for_their_turn_and_there_is_a_limit(tmp_path: Path, broker: Broker) -> None:
    async with running(tmp_path, broker) as (site, _, client):
        notes = [site.erasures.note(f"case-{n}", "x", "account", "mina", "why") for n in range(MAX_WAITING + 1)]
        began = [site.erasures.begin(note, 0, MINA.person) for note in notes]
        assert began == [True] * MAX_WAITING + [False]
        assert not site.erasures.begin(notes[0], 0, MINA.person)
        busy = await client.post(f"/erasures/case-{MAX_WAITING}", data={"token": token(site)})
        assert (busy.status_code, "Too many erasures are under way" in busy.text) == (409, True)
        assert "It waits until the erasure of another case has ended" in (await client.get("/erasures/case-3")).text
        assert len(broker.began) <= 1


async def test_a_case_that_was_noted_and_not_withdrawn_is_still_an_open_case(tmp_path: Path, broker: Broker) -> None:
    async with running(tmp_path, broker) as (site, _, client):
        site.erasures.note("case-a", "violet", "account", "mina", "why")
        assert (await client.get("/erasures/case-a")).headers["location"] == "/cases/case-a"
        sent = await client.post("/erasures/case-a", data={"token": token(site)})
        assert sent.headers["location"] == "/cases/case-a/withdraw"
        assert broker.began == []
        assert "violet" not in (await client.get("/erasures")).text


def test_a_broken_note_is_like_none_and_old_ones_are_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.console.erasures.MAX_NOTES", 2)
    (tmp_path / "broken.erasure").write_bytes(b'{"case_id": "\xff"}')
    erasures = Erasures(load_settings(desk_folder=tmp_path))
    for number in range(4):
        note = erasures.note(f"case-{number}", "x", "account", "mina", "why")
        if number:
            erasures.put(msgspec.structs.replace(note, ended_at=ago(), is_clean=True))
    kept = {note.case_id for note in Erasures(load_settings(desk_folder=tmp_path)).notes()}
    assert kept == {"case-0", "case-3"}  # one that is not finished is never deleted
