"""The words of SystemVerilog that an untrusted testbench may and may not use. Lists only; anything not listed as harmless is refused."""

from __future__ import annotations

METACOMMENT_WORDS = ("verilator", "synopsys", "synthesis", "cadence", "ambit", "pragma")
"""First words of comments that tools take for orders, in any case of letters."""

DIRECTIVES = frozenset(
    (
        *("timescale", "define", "undef", "ifdef", "ifndef", "elsif", "else", "endif", "default_nettype", "resetall"),
        *("__FILE__", "__LINE__"),
    )
)
"""Compiler directives that stay inside the text or are harmless to the files behind it."""

KEYWORDS = {
    "bind": "it changes the design",
    "force": "it sets what no input sets",
    "release": "it undoes a force",
    "deassign": "it undoes an assignment inside the design",
    "defparam": "it changes the design",
    "config": "it chooses what is built",
    "endconfig": "it chooses what is built",
    "checker": "it is rarely supported and can drive signals unseen",
    "chandle": "it holds foreign code's pointers",
    "specify": "it belongs to cells",
    "alias": "it joins nets for good",
    "randsequence": "no simulator needs it here, and reading it may never end",
}
"""Keywords that are refused wherever they stand, with the reason."""

DUMP_SUFFIXES = (".vcd", ".fst", ".vpd", ".fsdb", ".shm", ".lxt", ".lxt2", ".evcd")

READS_A_FILE = frozenset({"$readmemh", "$readmemb"})

WRITES_AN_ARGUMENT = frozenset(
    {"$cast", "$sformat", "$swrite", "$swriteb", "$swriteo", "$swriteh", "$sscanf", "$value$plusargs", "$readmemh", "$readmemb"}
)
"""System tasks and functions that put a value into one of their arguments; seeds of the random functions are for their own rule."""

DRAWS_FROM_A_SEED = frozenset(
    {
        *("$random", "$urandom", "$dist_uniform", "$dist_normal", "$dist_exponential", "$dist_poisson"),
        *("$dist_chi_square", "$dist_t", "$dist_erlang"),
    }
)
"""Functions that write their seed back."""

SYSTEM_NAMES = frozenset(
    (
        *(f"${task}{radix}" for task in ("display", "write", "strobe", "monitor") for radix in ("", "b", "o", "h")),
        *("$monitoron", "$monitoroff", "$info", "$warning", "$error", "$fatal", "$finish", "$stop", "$exit", "$fflush"),
        *("$time", "$stime", "$realtime", "$timeformat", "$printtimescale", "$timeprecision", "$timeunit"),
        *DRAWS_FROM_A_SEED,
        *("$urandom_range", "$get_initial_random_seed"),
        *("$sformatf", "$psprintf", "$test$plusargs", *WRITES_AN_ARGUMENT),
        *("$dumpfile", "$dumpvars", "$dumpon", "$dumpoff", "$dumpall", "$dumplimit", "$dumpflush"),
        *("$clog2", "$ln", "$log10", "$exp", "$sqrt", "$pow", "$floor", "$ceil", "$sin", "$cos", "$tan", "$asin", "$acos", "$atan"),
        *("$atan2", "$hypot", "$sinh", "$cosh", "$tanh", "$asinh", "$acosh", "$atanh"),
        *("$signed", "$unsigned", "$itor", "$rtoi", "$realtobits", "$bitstoreal", "$shortrealtobits", "$bitstoshortreal"),
        *("$bits", "$typename", "$isunbounded", "$size", "$left", "$right", "$low", "$high", "$increment", "$dimensions"),
        *("$unpacked_dimensions", "$countones", "$countbits", "$onehot", "$onehot0", "$isunknown"),
        *("$past", "$rose", "$fell", "$stable", "$changed", "$sampled", "$get_coverage", "$stacktrace"),
        *("$root", "$unit"),
    )
)
"""System tasks, functions and scopes that stay inside the simulation. `$fopen` is not among them: an open file is written
when the run ends, after the coverage, and could falsify it."""
