"""Puts a Design together from an elaborated top: instances, ports, clocks, constants, files. Finds nothing itself."""

from __future__ import annotations

from pathlib import Path

from pyslang import ast

from llm4cov_agent.errors import Problem, Severity
from llm4cov_agent.rtl.design import Design, DesignFile, Instance
from llm4cov_agent.rtl.elaborate.clocks import find_clocks_and_resets
from llm4cov_agent.rtl.elaborate.constants import PortConstants, find_constants, find_machines
from llm4cov_agent.rtl.elaborate.diagnostics import Places
from llm4cov_agent.rtl.elaborate.extract import child_instances, extract
from llm4cov_agent.rtl.elaborate.facts import Facts
from llm4cov_agent.rtl.elaborate.load import Loaded
from llm4cov_agent.rtl.elaborate.netlist import Netlist
from llm4cov_agent.rtl.elaborate.ports import bit_names, input_bits, read_parameters, read_ports
from llm4cov_agent.rtl.elaborate.reading import Include, design_file
from llm4cov_agent.rtl.fileset import FileSet
from llm4cov_agent.rtl.source import Span

MAX_INSTANCES = 20_000
"""Beyond that the instances are counted no further: the design is a netlist of cells."""


def design_of(loaded: Loaded, files: FileSet) -> tuple[Design, list[Problem]]:
    """Build the Design of what was loaded."""
    body, places = loaded.top.body, loaded.unit.places
    netlist, instances, problems = flatten(loaded.top, places)
    clocks, resets, found = find_clocks_and_resets(netlist, bit_names(body))
    problems.extend(found)
    data, found_data = data_files(netlist.data_files)
    problems.extend(found_data)
    sources = tuple(DesignFile(source.path, source.digest, role) for source, role in loaded.sources)
    paths = {file.path for file in sources}
    includes = include_files(loaded.unit.includes, paths)
    scale = ast.Scope(body).timeScale
    design = Design(
        top=loaded.top.name,
        files=(*sources, *includes, *data),
        include_dirs=include_dirs(loaded.include_dirs, loaded.unit.includes),
        defines=files.defines,
        parameters=read_parameters(body, files.parameters),
        overrides=files.parameters,
        ports=read_ports(body, places, PortConstants(netlist).of),
        clocks=clocks,
        resets=resets,
        constants=find_constants(netlist),
        machines=find_machines(netlist),
        instances=instances,
        timescale=str(scale).replace(" ", "") if scale is not None else None,
        uses_dpi=uses_dpi(loaded.compilation),
    )
    return design, problems


def flatten(top: ast.InstanceSymbol, places: Places) -> tuple[Netlist, tuple[Instance, ...], list[Problem]]:
    """Collect the facts of all instances. Equal bodies are read once, if they name nothing outside themselves."""
    netlist = Netlist(input_bits(top.body))
    known: dict[ast.Symbol, Facts] = {}
    instances: list[Instance] = []
    problems: list[Problem] = []
    root = top.body.hierarchicalPath + "."
    waiting: list[ast.InstanceSymbol] = [top]
    while waiting:
        instance = waiting.pop()
        if len(instances) >= MAX_INSTANCES:
            problems.append(Problem(f"only the first {MAX_INSTANCES} instances were looked at", severity=Severity.WARNING))
            break
        path = instance.hierarchicalPath.removeprefix(root)
        instances.append(Instance(path, instance.definition.name, places.span_of_name(instance)))
        model = instance.canonicalBody or instance.body
        if model not in known:
            known[model] = extract(model, top.name, places)
        facts = known[model]
        if not facts.is_shareable and instance.canonicalBody is not None:
            facts = extract(instance.body, top.name, places)
        netlist.add(facts, "" if instance is top else f"{path}.")
        waiting.extend(reversed(child_instances(instance.body)))
    return netlist, tuple(instances), problems


def include_files(includes: tuple[Include, ...], sources: set[Path]) -> tuple[DesignFile, ...]:
    """Digest the include files, each once, in the order of their first use."""
    paths = dict.fromkeys(include.path for include in includes if include.path not in sources)
    found = (design_file(path, "include") for path in paths)
    return tuple(file for file in found if file is not None)


def include_dirs(given: tuple[Path, ...], includes: tuple[Include, ...]) -> tuple[Path, ...]:
    """Add the folders of the files that were found beside the including one: a simulator looks only where it is told."""
    folders = dict.fromkeys(given)
    for include in includes:
        if any((folder / include.written).is_file() for folder in folders):
            continue
        parts = Path(include.written).parts
        if include.path.parts[-len(parts) :] == parts:
            folders[Path(*include.path.parts[: -len(parts)])] = None
        else:
            folders[include.path.parent] = None
    return tuple(folders)


def data_files(named: list[tuple[str, Span, bool]]) -> tuple[tuple[DesignFile, ...], list[Problem]]:
    """Find the files that the design reads while it runs: relative to the current folder, else to the source's."""
    found: dict[Path, DesignFile] = {}
    problems: list[Problem] = []
    for name, span, is_needed in named:
        places = [Path.cwd() / name, Path.cwd() / Path(span.file).parent / name]
        path = next((place.resolve() for place in places if place.is_file()), None)
        file = design_file(path, "data") if path is not None else None
        if path is not None and file is not None:
            found.setdefault(path, file)
        elif is_needed:
            text, hint = f"memory image '{name}' was not found", "Put it beside the source, or run from its folder."
            problems.append(Problem(text, span.file, span.line, span.column, hint, Severity.WARNING))
    return tuple(found.values()), list(dict.fromkeys(problems))


def uses_dpi(compilation: ast.Compilation) -> bool:
    """Say whether anything imports C functions or exports functions to C."""
    found: list[str] = []

    def visit(subroutine: ast.SubroutineSymbol) -> None:
        if subroutine.flags & ast.MethodFlags.DPIImport:
            found.append(subroutine.name)

    compilation.getRoot().visit(lookup_table={ast.SymbolKind.Subroutine: visit})
    return bool(found) or bool(list(compilation.getDPIExports()))
