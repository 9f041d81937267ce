"""Places in a document: what the simulator counts, what the client counts, and where lines go when somebody types."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from lsprotocol import types
from pygls.workspace import PositionCodec, TextDocument

from llm4cov_agent.judge.place import index_of, lines_of
from llm4cov_lsp.documents import Document, LineMap
from llm4cov_lsp.outline import modules_of
from llm4cov_lsp.positions import changed, range_at

UTF8 = PositionCodec(types.PositionEncodingKind.Utf8)
UTF16 = PositionCodec(types.PositionEncodingKind.Utf16)
LINE = "\t/* 😀é */ logic d; // é"


def test_a_block_comment_is_one_column_for_the_simulator() -> None:
    # A tab, the comment, a space, `logic`, a space.
    assert LINE[index_of(LINE, 10) or 0 :].startswith("d;")


@pytest.mark.parametrize(("codec", "start"), [(UTF16, 17), (UTF8, 20)])
def test_a_range_is_in_the_units_of_the_client(codec: PositionCodec, start: int) -> None:
    place = range_at(LINE, 4, 10, codec, whole=False)
    assert place == types.Range(types.Position(4, start), types.Position(4, start + 1))


def test_a_whole_range_ends_with_the_code() -> None:
    assert range_at("  if (a) b = 1;  // why", 0, 3, UTF16, whole=True).end.character == len("  if (a) b = 1;")


def test_a_column_that_the_line_does_not_have_is_its_first_character() -> None:
    assert range_at("  `STEP(a)", 2, 70, UTF16, whole=False).start == types.Position(2, 2)


@pytest.mark.parametrize(("codec", "mark"), [(UTF16, 1), (UTF8, 3)])
def test_a_byte_order_mark_counts_for_the_client_only(codec: PositionCodec, mark: int) -> None:
    lines = lines_of("\ufeffmodule m;\r\nendmodule\r")
    assert lines == ["module m;", "endmodule", ""]
    assert range_at(lines[0], 0, 8, codec, whole=False, bom=True).start.character == mark + 7


def test_modules_are_found_without_what_comments_and_strings_say() -> None:
    text = (
        "// module a;\r\nmodule /* module b */ m #(parameter P = 1) (input c);\r\n"
        '  initial $display("endmodule");\r\nendmodule\r\nmodule tb;\r\nendmodule'
    )
    found = modules_of(text)
    assert [(one.name, one.first_line, one.last_line, one.has_ports) for one in found] == [("m", 2, 4, True), ("tb", 5, 6, False)]


def test_a_module_without_an_end_goes_on_to_the_next_or_the_end() -> None:
    assert [(one.name, one.last_line) for one in modules_of("module a(input x);\nmodule b(input y);\n\n")] == [("a", 2), ("b", 4)]


def _document(tmp_path: Path, text: str) -> Document:
    path = tmp_path / "a.sv"
    path.write_bytes(text.encode())
    document = Document(path.as_uri(), path, 1, text)
    document.take_saved()
    assert document.saved_digest is not None
    assert document.show("design", document.saved_digest)
    return document


Edit = tuple[int, int, int, int, str]
EDITS = st.lists(
    st.tuples(
        st.integers(0, 8),
        st.integers(0, 3),
        st.integers(0, 2),
        st.sampled_from([0, 1, 2, 99]),
        st.sampled_from(["", "x", "\n", "new\n", "p\nq", "\r\n", "\n\n"]),
    ),
    max_size=8,
)


# An edit is: line, character, lines further, character there, text. The second one breaks off what the first one put before the line.
@example(edits=[(0, 0, 0, 0, "x"), (0, 1, 0, 0, "\n")])
@example(edits=[(1, 0, 1, 0, "")])
@given(edits=EDITS)
def test_lines_that_nobody_touched_keep_their_origin(tmp_path_factory: pytest.TempPathFactory, edits: list[Edit]) -> None:
    """A line that still has its text, in a file whose lines all differ, is found where it is now, if it is said to be anywhere."""
    text = "".join(f"line{number}\n" for number in range(1, 8))
    document = _document(tmp_path_factory.mktemp("d"), text)
    mirror = TextDocument("file:///a.sv", text, position_codec=UTF16)
    untouched = set(range(1, 8))
    for line, character, more, to, inserted in edits:
        lines = document.lines
        first = min(line, len(lines) - 1)
        last = min(first + more, len(lines) - 1)
        start = types.Position(first, min(character, len(lines[first])))
        end = types.Position(last, min(to, len(lines[last])) if last > first else start.character)
        # What an edit leaves whole: all before its first line, and that line if only whole lines come before it.
        whole = start.character == 0 and (inserted[-1:] in "\r\n" and (last > first or bool(inserted))) and end.character == 0
        untouched -= {
            number for number in untouched for at in range(first, last + 1) if lines[at] == f"line{number}" and not (whole and at == last)
        }
        document.follow((first, start.character), (end.line, end.character), inserted)
        mirror.apply_change(types.TextDocumentContentChangePartial(types.Range(start, end), inserted))
        document.set_text(mirror.source, 2)
        assert len(document.shown["design"].origins) == len(document.lines)
    for number in range(1, 8):
        at = document.shown["design"].present(number)
        assert at is None or 0 <= at < len(document.lines)
        text_now = [place for place, line in enumerate(document.lines) if line == f"line{number}"]
        assert at in text_now or not text_now or (at is None and number not in untouched)


@pytest.mark.parametrize(
    ("start", "stop", "inserted", "origins"),
    [
        ((1, 0), (2, 0), "", [1, 3, 4]),
        ((0, 4), (1, 4), "", [1, 3, 4]),
        ((1, 2), (1, 2), "\n  ", [1, 0, 2, 3, 4]),
        ((1, 4), (1, 4), "\n", [1, 2, 0, 3, 4]),
        ((1, 0), (1, 0), "new\nnew", [1, 0, 2, 3, 4]),
        ((0, 0), (2, 4), "all of it", [1, 4]),
        ((0, 0), (2, 0), "one\n", [1, 3, 4]),
        ((9, 9), (12, 0), "\nmore", [1, 2, 3, 0, 4]),
        ((2, 0), (1, 0), "x", [1, 2, 3, 4]),
    ],
)
def test_an_edit_moves_the_lines_below_it_and_no_other(
    tmp_path: Path, start: tuple[int, int], stop: tuple[int, int], inserted: str, origins: list[int]
) -> None:
    document = _document(tmp_path, "  aa\n  bb\n  cc\n")
    document.follow(start, stop, inserted)
    assert document.shown["design"].origins == origins


def test_lines_typed_above_push_what_is_below(tmp_path: Path) -> None:
    document = _document(tmp_path, "a\nb\nc\n")
    document.follow((1, 0), (1, 0), "x\ny\n")
    document.set_text("a\nx\ny\nb\nc\n", 2)
    shown = document.shown["design"]
    assert [shown.present(line) for line in (1, 2, 3)] == [0, 3, 4] and shown.touched


def test_a_line_that_is_gone_has_no_place(tmp_path: Path) -> None:
    document = _document(tmp_path, "a\nb\nc\n")
    document.replace_all("a\nc\n")
    document.set_text("a\nc\n", 2)
    assert [document.shown["design"].present(line) for line in (1, 2, 3)] == [0, None, 1]


def test_a_result_about_other_bytes_is_not_shown(tmp_path: Path) -> None:
    document = _document(tmp_path, "a\nb\n")
    old = document.saved_digest
    document.path.write_text("b\n")
    document.take_saved()
    assert old is not None and not document.show("other", old) and "other" not in document.shown


def test_an_unsaved_text_is_laid_over_the_file_from_both_ends(tmp_path: Path) -> None:
    path = tmp_path / "a.sv"
    path.write_text("a\nb\nc\nd\n")
    document = Document(path.as_uri(), path, 1, "a\nB\nnew\nc\nd\n")
    document.take_saved()
    assert document.saved.origins == [1, 0, 0, 3, 4, 5] and document.saved.touched


def test_equal_texts_have_equal_lines() -> None:
    assert LineMap.between(["a", ""], ["a", ""]) == LineMap([1, 2])


def _at(line: int, character: int, to: tuple[int, int]) -> types.Range:
    return types.Range(types.Position(line, character), types.Position(*to))


@pytest.mark.parametrize(
    ("text", "place", "inserted", "after"),
    [
        ("a\r\nb\r\n", _at(1, 0, (1, 1)), "c", "a\r\nc\r\n"),
        ("a\x0cb\nc\n", _at(1, 0, (1, 1)), "d", "a\x0cb\nd\n"),
        ("a\u2028b\rc", _at(1, 0, (1, 1)), "d", "a\u2028b\rd"),
        ("😀x\n", _at(0, 2, (0, 3)), "y", "😀y\n"),
        ("a\nb", _at(0, 99, (1, 0)), "", "ab"),
        ("a", _at(7, 0, (9, 9)), "b", "ab"),
        ("", _at(0, 0, (0, 0)), "x\n", "x\n"),
    ],
)
def test_edits_are_applied_where_the_client_means_them(text: str, place: types.Range, inserted: str, after: str) -> None:
    assert changed(text, place, inserted, UTF16) == after


@given(st.lists(st.integers(0, 12), max_size=14), st.integers(0, 14), st.integers(0, 14))
def test_runs_have_each_old_line_once(origins: list[int], first: int, last: int) -> None:
    pieces = list(LineMap(origins).runs(first, last))
    assert [line for begin, end in pieces for line in range(begin, end + 1)] == [origin for origin in origins[first:last] if origin]
    assert len(pieces) < 2 or all(end + 1 != begin for (_, end), (begin, _) in pairwise(pieces) if 0 not in origins)
