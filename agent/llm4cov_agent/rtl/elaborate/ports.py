"""Reads the ports and parameters of the top module. Knows no clock, no reset and no instance below."""

from __future__ import annotations

from collections.abc import Callable

import pyslang
from pyslang import ast

from llm4cov_agent.rtl.design import ComparedBits, Direction, Field, Parameter, Port
from llm4cov_agent.rtl.elaborate.diagnostics import Places
from llm4cov_agent.rtl.elaborate.expressions import type_width
from llm4cov_agent.rtl.elaborate.extract import enum_members
from llm4cov_agent.rtl.source import Span

_DIRECTIONS = {
    ast.ArgumentDirection.In: Direction.INPUT,
    ast.ArgumentDirection.Out: Direction.OUTPUT,
    ast.ArgumentDirection.InOut: Direction.INOUT,
}


def read_ports(body: ast.InstanceBodySymbol, places: Places, compared: Callable[[str, int], tuple[ComparedBits, ...]]) -> tuple[Port, ...]:
    """Read all ports in declared order; `compared` gives what the bits of a port of so many bits are compared with."""
    found: list[Port] = []
    for symbol in body.portList:
        span = places.span_of_name(symbol)
        match symbol:
            case ast.PortSymbol():
                if not symbol.isNullPort:
                    found.append(_read_port(symbol, span, compared))
            case ast.InterfacePortSymbol():
                interface = symbol.interfaceDef.name if symbol.interfaceDef is not None else "interface"
                kind = f"{interface}.{symbol.modport}" if symbol.modport else interface
                found.append(_unsupported(symbol.name, Direction.INOUT, span, f"interface {kind}"))
            case ast.MultiPortSymbol():
                direction = _DIRECTIONS.get(symbol.direction, Direction.INOUT)
                found.append(_unsupported(symbol.name, direction, span, "a port made of several signals"))
    return tuple(found)


def input_bits(body: ast.InstanceBodySymbol) -> dict[str, int]:
    """Give the internal names of the input and inout ports with their widths, unpacked dimensions multiplied out."""
    found: dict[str, int] = {}
    for symbol in body.portList:
        if isinstance(symbol, ast.PortSymbol) and symbol.direction is not ast.ArgumentDirection.Out and symbol.internalSymbol is not None:
            width = type_width(symbol.type)
            if width:
                found[symbol.internalSymbol.name] = width
    return found


def bit_names(body: ast.InstanceBodySymbol) -> dict[tuple[str, int], str]:
    """Name the bits of the input ports that can be clocks or resets: one-bit ports and elements of simple vectors."""
    found: dict[tuple[str, int], str] = {}
    for symbol in body.portList:
        if not isinstance(symbol, ast.PortSymbol) or symbol.internalSymbol is None or symbol.direction is ast.ArgumentDirection.Out:
            continue
        kind, name = symbol.type.canonicalType, symbol.internalSymbol.name
        width = type_width(kind)
        if width == 1 and kind.isIntegral:
            found[name, 0] = symbol.name
        elif kind.hasFixedRange and kind.fixedRange.width == width and not kind.isStruct and width <= 4096:
            declared = kind.fixedRange
            for index in range(declared.lower, declared.upper + 1):
                found[name, declared.translateIndex(index)] = f"{symbol.name}[{index}]"
    return found


def read_parameters(body: ast.InstanceBodySymbol, overrides: tuple[tuple[str, str], ...]) -> tuple[Parameter, ...]:
    """Read the parameters in declared order, with elaborated values as text."""
    overridden = {name for name, _ in overrides}
    found: list[Parameter] = []
    for symbol in body.parameters:
        if isinstance(symbol, ast.ParameterSymbol):
            found.append(Parameter(symbol.name, value_text(symbol), symbol.isLocalParam, symbol.name in overridden))
        elif isinstance(symbol, ast.TypeParameterSymbol):
            target = symbol.targetType.type
            found.append(Parameter(symbol.name, str(target), symbol.isLocalParam, symbol.name in overridden))
    return tuple(found)


def value_text(symbol: ast.ParameterSymbol) -> str:
    """Write a parameter's value: integers in decimal, strings in quotes, everything else as slang does."""
    value = symbol.value.value
    if not isinstance(value, pyslang.SVInt) or value.hasUnknown:
        return str(symbol.value)
    if symbol.initializer is not None and symbol.initializer.isImplicitString:
        return f'"{symbol.value.convertToStr().value}"'
    return str(int(value))


def _unsupported(name: str, direction: Direction, span: Span, reason: str) -> Port:
    return Port(name=name, direction=direction, width=0, span=span, unsupported=reason)


def _read_port(symbol: ast.PortSymbol, span: Span, compared: Callable[[str, int], tuple[ComparedBits, ...]]) -> Port:
    direction = _DIRECTIONS.get(symbol.direction)
    if direction is None:
        return _unsupported(symbol.name, Direction.INOUT, span, "a ref port")
    dimensions: list[tuple[int, int]] = []
    kind = symbol.type
    while isinstance(kind.canonicalType, ast.FixedSizeUnpackedArrayType):
        array = kind.canonicalType
        dimensions.append((array.range.left, array.range.right))
        kind = array.elementType
    reason = _why_unsupported(kind)
    if reason is not None:
        return _unsupported(symbol.name, direction, span, reason)
    internal = symbol.internalSymbol
    width = kind.bitWidth
    bits = compared(internal.name, width) if internal is not None and direction is not Direction.OUTPUT else ()
    return Port(
        name=symbol.name,
        direction=direction,
        width=width,
        span=span,
        signed=kind.isSigned,
        unpacked=tuple(dimensions),
        type_name=_type_name(kind),
        enum=enum_members(kind),
        fields=_fields(kind),
        constants=tuple(sorted({one.value << one.low for one in bits})),
        compared=bits,
    )


def _why_unsupported(kind: ast.Type) -> str | None:
    canonical = kind.canonicalType
    if canonical.isFloating:
        return "a real number"
    if canonical.isString:
        return "a string"
    if canonical.isUnpackedStruct or canonical.isUnpackedUnion:
        return "an unpacked structure"
    if canonical.isDynamicallySizedArray:
        return "an array of changing size"
    if not canonical.isIntegral:
        return f"type {kind}"
    return None


def _type_name(kind: ast.Type) -> str | None:
    """Spell a user-defined type as the source does, with its package; None for built-in and nameless types."""
    if not kind.isAlias:
        return None
    scope = kind.parentScope
    owner = scope.containingInstance if scope is not None else None
    if scope is not None and owner is None:
        text = str(kind)
        return text.removeprefix("$unit::")
    return kind.name


def _fields(kind: ast.Type) -> tuple[Field, ...]:
    canonical = kind.canonicalType
    if not isinstance(canonical, (ast.PackedStructType, ast.PackedUnionType)):
        return ()
    members = [member for member in ast.Scope(canonical) if isinstance(member, ast.FieldSymbol)]
    return tuple(Field(member.name, member.bitOffset, member.type.bitWidth) for member in members)
