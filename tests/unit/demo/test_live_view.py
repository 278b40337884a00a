import io

from rich.console import Console

from streams.demo.live_view import LiveView
from tests.unit.demo.test_report import a_dead_letter, a_post, a_takedown, a_verdict


def drawn(view: LiveView) -> str:
    console = Console(width=120)
    with console.capture() as captured:
        console.print(view.render())
    return captured.get()


def test_a_post_progresses_with_every_stage_that_has_a_message_of_it() -> None:
    view = LiveView([a_post()], Console(file=io.StringIO()))
    shown = []
    for topic in ("posts", "frames", "descriptors", "scores"):
        view.on_message(topic, "p" if topic in ("posts", "scores") else "p/0", None)
        shown.append(drawn(view).count("●"))
    assert shown == [1, 2, 3, 4]


def test_messages_of_posts_outside_the_scenario_are_only_counted() -> None:
    view = LiveView([a_post()], Console(file=io.StringIO()))
    view.on_message("posts", "somebody else's", None)
    assert "posts 1" in drawn(view)
    assert "●" not in drawn(view)


def test_a_takedown_is_shown_at_its_post_though_it_has_its_own_key() -> None:
    view = LiveView([a_post()], Console(file=io.StringIO()))
    view.on_message("takedowns", "t", a_takedown())
    assert drawn(view).count("●") == 1


def test_without_a_terminal_each_new_decision_and_dead_letter_is_one_line() -> None:
    out = io.StringIO()
    with LiveView([a_post(), a_post("q")], Console(file=out, width=120)) as view:
        view.on_message("verdicts", "p", a_verdict("review"))
        view.on_message("verdicts", "p", a_verdict("review"))
        view.on_message("verdicts", "p", a_verdict("act"))
        view.on_message("verdicts", "p", a_verdict("dismiss", None))
        view.on_message("dead-letters", "q", a_dead_letter(b"q"))
    assert out.getvalue().splitlines() == [
        "copy p: review 0.70 visual, audio",
        "copy p: act 0.99 visual, audio",
        "copy q: dead letter: link_gone",
    ]


def test_the_verdict_on_the_text_of_a_post_with_a_dead_letter_is_no_second_line() -> None:
    out = io.StringIO()
    with LiveView([a_post()], Console(file=out, width=120)) as view:
        view.on_message("dead-letters", "p", a_dead_letter(b"p"))
        view.on_message("verdicts", "p", a_verdict("dismiss", None))
    assert out.getvalue().splitlines() == ["copy p: dead letter: link_gone"]


def test_on_a_terminal_the_view_is_drawn_and_cleared() -> None:
    out = io.StringIO()
    with LiveView([a_post()], Console(file=out, width=120, height=20, force_terminal=True)) as view:
        view.on_message("verdicts", "p", a_verdict("act"))
    assert "copy p" in out.getvalue()
