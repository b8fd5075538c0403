"""The protocol's page is what the schema says, and the schema is what the session does."""

from pathlib import Path

import msgspec
import pytest

from mediasrv.rooms.events import LeaveReason
from mediasrv.signaling import protocol_docs
from mediasrv.signaling.errors import MEANINGS, ErrorCode
from mediasrv.signaling.method_table import METHODS
from mediasrv.signaling.methods import control, joining, media, messages, moderation, oneself, rooms, subscriptions
from mediasrv.signaling.notifications import CLOSING_REASONS, NOTIFICATIONS
from mediasrv.signaling.schema import Shape

ROOT = Path(__file__).parents[3]


def test_the_page_is_current() -> None:
    page = (ROOT / protocol_docs.PATH).read_text(encoding="utf-8")
    assert page == protocol_docs.render(), "run `python -m mediasrv.signaling.protocol_docs`"


def test_the_page_is_written_where_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["protocol_docs", str(tmp_path / "new" / "page.md")])
    protocol_docs.main()
    assert (tmp_path / "new" / "page.md").read_text(encoding="utf-8") == protocol_docs.render()


def test_each_method_and_notification_is_there_with_an_example() -> None:
    page = protocol_docs.render()
    for name in (*METHODS, *NOTIFICATIONS):
        section = page.split(f"\n### {name}\n")[1].split("\n#")[0]
        assert f'"{name}"' in section
        assert "Params:" in section


EXAMPLES: dict[str, Shape] = {
    **NOTIFICATIONS,
    **{f"{name} params": method.example_params for name, method in METHODS.items()},
    **{f"{name} result": method.example_result for name, method in METHODS.items()},
}


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)
def test_examples_fit_the_schema(example: Shape) -> None:
    assert msgspec.convert(msgspec.to_builtins(example), type(example)) == example


def test_every_field_and_shape_is_explained() -> None:
    for example in EXAMPLES.values():
        shape = type(example)
        page = protocol_docs._fields(shape)
        assert "|  |" not in page, shape
    assert all(type(example).__doc__ for name, example in EXAMPLES.items() if not name.endswith("result"))


def test_each_method_is_in_the_table_once() -> None:
    themes = (joining, oneself, media, subscriptions, messages, moderation, rooms, control)
    assert [method.name for theme in themes for method in theme.METHODS] == list(METHODS)


def test_every_code_and_reason_has_its_words() -> None:
    assert set(MEANINGS) == set(ErrorCode)
    assert set(LeaveReason) <= set(CLOSING_REASONS)
