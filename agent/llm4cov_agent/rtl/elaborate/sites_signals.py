"""Finds the bits of signals, one by one, under the names by which a simulator counts them. Knows no statement."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pyslang import ast

from llm4cov_agent.rtl.elaborate.expressions import as_int, type_width
from llm4cov_agent.rtl.elaborate.site_values import Bit, Place, Slot
from llm4cov_agent.rtl.elaborate.sites_text import Key, Texts

MAX_BITS = 256
"""Verilator's default for `--coverage-max-width`."""


@dataclass(frozen=True, slots=True)
class _Declared:
    """A signal in one elaboration."""

    slot: Slot
    scope: str
    """Hierarchical path of what it is declared in."""
    texts: Mapping[str, str]
    """How the source selects each bit, by what Verilator appends to the name."""
    low: int | None
    """Index of the least significant bit of a plain vector."""


class SignalFinder:
    """Visits declared signals and keeps their bits apart by elaboration."""

    def __init__(self, texts: Texts, scopes: Mapping[Key, Slot], ports: Mapping[tuple[Slot, str], Place]) -> None:
        self._texts = texts
        self._scopes = scopes
        self._ports = ports
        self._found: dict[tuple[Place, str], list[_Declared]] = {}
        self._copies: dict[str, tuple[str, int, int]] = {}

    def visit(self, symbol: ast.ValueSymbol) -> None:
        """Take note of a net or a variable."""
        place = self._texts.place(symbol.location)
        instance = symbol.parentScope.containingInstance if symbol.parentScope is not None else None
        if place is None or instance is None or type_width(symbol.type) > MAX_BITS:
            return
        node = symbol.syntax
        key = self._texts.key(node) if node is not None else None
        slot = self._scopes.get((key[0], key[1], key[1])) if key is not None else None
        if slot is None:
            return
        path = symbol.hierarchicalPath
        scope = path.removesuffix(f".{symbol.name}")
        texts = {suffix: f"{symbol.name}{text}" for suffix, text in _bits(symbol.type.canonicalType, "", "")}
        name = path.removeprefix(f"{instance.hierarchicalPath}.")
        # A port can be declared twice, as a port and as a variable; Verilator has it at the first place.
        place = self._ports.get((slot, symbol.name), place)
        self._found.setdefault((place, name), []).append(_Declared(slot, scope, texts, _low(symbol.type.canonicalType)))

    def visit_block(self, block: ast.GenerateBlockSymbol) -> None:
        """Take note of what tells a copy of a generate loop from the others."""
        path = block.hierarchicalPath
        if path.endswith("]"):
            # The first parameter in each copy is the generate variable's value there.
            variable = next((member for member in block if isinstance(member, ast.ParameterSymbol)), None)
            value = as_int(variable.value) if variable is not None else None
            if variable is not None and value is not None:
                self._copies[path] = (variable.name, type_width(variable.type), value)

    def bits(self) -> dict[tuple[Place, str], Bit]:
        """Give the bits that mean the same in every elaboration.

        One that only some parameterisations have is shifted down to, as selecting it would be an error in the others.
        """
        bits: dict[tuple[Place, str], Bit] = {}
        for (place, name), found in self._found.items():
            constants = {self._constants(one.scope, name) for one in found}
            lows = {one.low for one in found}
            if len(constants) != 1:
                continue
            for suffix in dict.fromkeys(suffix for one in found for suffix in one.texts):
                texts = {one.texts.get(suffix) for one in found}
                (text, *others) = texts
                low = next(iter(lows))
                if not others and text is not None:
                    bits[place, name + suffix] = Bit(text, found[0].slot, next(iter(constants)))
                elif len(lows) == 1 and low is not None:
                    shifted = f"(({{{name.rpartition('.')[2]}}} >> {int(suffix[1:-1]) - low}) & 1'b1) == 1'b1"
                    bits[place, name + suffix] = Bit(shifted, found[0].slot, next(iter(constants)))
        return bits

    def _constants(self, scope: str, name: str) -> tuple[tuple[str, int, int], ...]:
        """Give the generate variables between the module and a signal, outermost first."""
        parts = scope.split(".")
        depths = range(len(parts) - name.count("."), len(parts))
        paths = [".".join(parts[: depth + 1]) for depth in depths]
        return tuple(self._copies[path] for path in paths if path in self._copies)


def _low(kind: ast.Type) -> int | None:
    """Give the index of the least significant bit of a plain descending vector."""
    if isinstance(kind, ast.PackedArrayType) and kind.elementType.canonicalType.isScalar and kind.range.left >= kind.range.right:
        return kind.range.right
    return None


def _bits(kind: ast.Type, suffix: str, text: str) -> Iterator[tuple[str, str]]:
    """Give each bit as (what Verilator appends to the name, how the source selects it)."""
    match kind:
        case ast.PackedArrayType() | ast.FixedSizeUnpackedArrayType():
            bounds = kind.range
            element = kind.elementType.canonicalType
            for index in range(bounds.lower, bounds.upper + 1):
                written = index
                if kind.isPackedArray and not element.isScalar and bounds.left < bounds.right:
                    # Verilator counts the elements of an ascending packed dimension from the wrong end.
                    written = bounds.lower + bounds.upper - index
                yield from _bits(element, f"{suffix}[{index}]", f"{text}[{written}]")
        case ast.PackedStructType() | ast.UnpackedStructType():
            for field in kind:
                if isinstance(field, ast.FieldSymbol):
                    yield from _bits(field.type.canonicalType, f"{suffix}.{field.name}", f"{text}.{field.name}")
        case ast.EnumType():
            yield from _bits(kind.baseType.canonicalType, suffix, text)
        case ast.PredefinedIntegerType():
            for index in range(kind.bitWidth):
                yield f"{suffix}[{index}]", f"{text}[{index}]"
        case ast.ScalarType():
            yield suffix, text
        case _:
            # Unions, classes, strings: no bit of theirs is certain.
            return
