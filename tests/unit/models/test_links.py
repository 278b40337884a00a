import pytest

from models.text.links import MOST_LINKS, links


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("풀버전 t.me/Hidden_Room 에서", ["t.me/hidden_room"]),
        ("https://t.me/hidden_room?start=1", ["t.me/hidden_room"]),
        ("http://telegram.me/s/hidden_room", ["t.me/hidden_room"]),
        ("t.me/hidden_room에서", ["t.me/hidden_room"]),
        ("t . me / hidden_room", ["t.me/hidden_room"]),
        ("t점me/hidden_room", ["t.me/hidden_room"]),
        ("t 닷 me 슬래시 hidden_room", ["t.me/hidden_room"]),
        ("t[.]me/hidden_room", ["t.me/hidden_room"]),
        ("t(dot)me/hidden_room", ["t.me/hidden_room"]),
        ("т.ме/hidden_room", ["t.me/hidden_room"]),
        ("\uff54\uff0e\uff4d\uff45\uff0fhidden_room", ["t.me/hidden_room"]),
        ("t.me/+AbCdEf123 t.me/joinchat/AbC", ["t.me/+AbCdEf123", "t.me/joinchat/AbC"]),
        ("discord.gg/AbC12 discord.com/invite/XyZ", ["discord.gg/AbC12", "discord.gg/XyZ"]),
        ("open.kakao.com/o/sAbCd12", ["open.kakao.com/o/sAbCd12"]),
        ("line.me/ti/p/~someone", ["line.me/ti/p/~someone"]),
        ("hxxps://bit.ly/3Abc.", ["bit.ly/3Abc"]),
        ("https://www.example.org/films/1", ["example.org/films/1"]),
        ("텔레 @Some_One", ["@some_one"]),
        ("텔레그램 아이디: some_one", ["@some_one"]),
        ("라인 somebody77 로", ["@somebody77"]),
        ("telegram: some_one", ["@some_one"]),
        ("dm @ByeolHaneul_07!!", ["@byeolhaneul_07"]),
        ("@name.bsky.social", ["@name.bsky.social"]),
    ],
)
def test_links_in_a_text_are_found(text: str, found: list[str]) -> None:
    assert links([text]) == found


@pytest.mark.parametrize("text", [
    "write to someone@example.org", "that is it. me / you", "a new line of words", "12점 만점에 9점", "오늘 산책 영상",
    "한 점 me too", "look at me/you", "@ home", "",
])  # fmt: skip
def test_text_that_is_no_link_is_not_found(text: str) -> None:
    assert links([text]) == []


def test_each_link_is_returned_once_and_their_number_is_limited() -> None:
    assert links(["t.me/room @who", "T.ME/Room @WHO"]) == ["t.me/room", "@who"]
    assert len(links([" ".join(f"@name{number}" for number in range(100))])) == MOST_LINKS
    assert links(["t.me/" + "a" * 300]) == []
