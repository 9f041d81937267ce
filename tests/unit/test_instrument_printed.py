"""Expressions as Verilator prints them, and the source expressions that they are certainly not."""

from __future__ import annotations

import pytest

from llm4cov_agent.closure.reach.instrument_match import find_operand
from llm4cov_agent.closure.reach.instrument_printed import read_terms
from llm4cov_agent.rtl.elaborate.site_values import Operand, Shape


def name(text: str, width: int = 1, value: int | None = None) -> Shape:
    return Shape("name", text, width=width, value=value)


def number(value: int, width: int = 32) -> Shape:
    return Shape("other", width=width, value=value)


def bit(base: Shape, index: Shape, base_low: int = 0) -> Shape:
    return Shape("bit", children=(base, index), base_low=base_low)


def matches(shape: Shape, printed: str) -> bool:
    terms = read_terms(f"({printed}==1) => 1")
    return terms is not None and find_operand(terms[0][0], [Operand("text", shape)]) is not None


A = name("a", 8)
I = name("i", 32)  # noqa: E741


def test_terms_are_split_outside_of_brackets() -> None:
    terms = read_terms("((a && b)==1 && c[1]==0 && {32'h1{{1'h0, d}}}[0]==1) => 0")
    assert terms is not None
    assert [(printed.kind, is_true) for printed, is_true in terms] == [("operator", True), ("bit", False), ("bit", True)]


@pytest.mark.parametrize("comment", ["", "a => 1", "(a==2) => 1", "(a ? b==1) => 1", "($rose(a)==1) => 1", "(a=='x) => 1"])
def test_other_forms_are_not_guessed(comment: str) -> None:
    assert read_terms(comment) is None


@pytest.mark.parametrize(
    ("shape", "printed"),
    [
        (name("x"), "x"),
        (name("RUN", 2, 1), "pk::RUN"),
        (name("RUN", 2, 1), "2'h1"),
        (bit(A, number(3)), "a[3]"),
        (bit(A, I), "a[i[2:0]+:1]"),
        (bit(A, Shape("operator", "-", (name("W", 32, 8), number(1)), 32, 7)), "a[(W - 32'sh1)[2:0]+:1]"),
        (bit(A, name("g", 32, 2)), "a[2]"),
        (bit(A, number(2), base_low=1), "a[2]"),
        (Shape("operator", "==", (A, number(255, 8))), "(a == 8'hff)"),
        (Shape("operator", "==", (A, number(0xFFFFFFFF))), "(a == 32'shffffffff)"),
        (Shape("operator", "<", (Shape("range", children=(A,), width=2, low=4), number(2))), "(a[5:4] < 32'sh2)"),
        (Shape("member", children=(A,), width=1, low=6), "a[6]"),
        (Shape("member", children=(bit(A, I),), width=2, low=1), "a[i[2:0]+:1][2:1]"),
        (Shape("concatenation", children=(number(1, 2), A)), "{32'h1{{2'h1, a}}}"),
        (Shape("repeat", children=(Shape("concatenation", children=(A,)),), count=4), "{32'sh4{a}}"),
    ],
)
def test_what_is_certainly_the_same(shape: Shape, printed: str) -> None:
    assert matches(shape, printed)


@pytest.mark.parametrize(
    ("shape", "printed"),
    [
        (name("x"), "y"),
        (name("x"), "g.x"),
        (bit(A, number(3)), "a[2]"),
        (bit(A, number(3)), "b[3]"),
        (bit(A, I), "a[j[2:0]+:1]"),
        (bit(A, I, base_low=1), "a[i[2:0]+:1]"),
        (bit(A, I), "a[3]"),
        (bit(Shape("member", children=(A,), width=4, low=4), number(2), base_low=1), "a[7:4][2]"),
        (Shape("operator", "==", (A, number(3))), "(a != 32'sh3)"),
        (Shape("operator", "==", (A, number(3))), "(a == 32'sh4)"),
        (Shape("operator", "-", (A, number(3))), "(- a)"),
        (Shape("range", children=(A,), width=2, low=4), "a[6:5]"),
        (Shape("range", children=(A,), width=2, low=4), "a[6:4]"),
        (Shape("other"), "a"),
    ],
)
def test_what_is_not_or_not_certainly(shape: Shape, printed: str) -> None:
    assert not matches(shape, printed)


def test_a_vector_is_asked_bit_by_bit() -> None:
    operand = Operand("a", A, is_vector=True)
    terms = read_terms("(a[6]==0 && a[8]==1 && a==1) => 1")
    assert terms is not None
    found = [find_operand(printed, [operand]) for printed, _ in terms]
    assert [bit.index if bit else None for bit in found] == [6, None, None]


def test_two_operands_that_print_alike_are_not_told_apart() -> None:
    terms = read_terms("(a[2]==1) => 1")
    assert terms is not None
    both = [Operand("a[2]", bit(A, number(2))), Operand("a[g]", bit(A, name("g", 32, 2)))]
    assert find_operand(terms[0][0], both) is None
